"""Databases of Autopack, the system before this one: read as they are, understood, and taken over."""
