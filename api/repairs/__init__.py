"""Quarantine, and repairs: the only way in which a state is set outside the moves."""
