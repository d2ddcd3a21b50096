"""Replay the log: prove that it holds and that the tables equal it, or make the tables anew."""
