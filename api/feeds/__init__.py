"""The log as it grows, for those who follow it."""
