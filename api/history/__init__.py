"""The past of a run: as it was, what changed since, which event set what, when something became so."""
