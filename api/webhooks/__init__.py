"""Telling others of events: who, by which signed message, and what becomes of what cannot be delivered."""
