"""The append-only history of every run, on SQLAlchemy Core: one log, one transaction, no way back."""
