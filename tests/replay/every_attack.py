"""Every attack of the three kinds."""

from tests.replay import attacks_by_appending, attacks_on_events, attacks_on_tables
from tests.replay.attacks import ATTACKS

__all__ = ["ATTACKS", "attacks_by_appending", "attacks_on_events", "attacks_on_tables"]
