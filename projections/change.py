"""What a projection is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.sql.base import Executable

from domain.run import Run

Write = tuple[Executable, Sequence[Mapping[str, Any]]]
"""A statement, and the rows to run it with."""


@dataclass(frozen=True, slots=True)
class Change:
    """A run as the tables hold it, and as they are to hold it."""

    before: Run
    """At version 0 when the tables do not hold it yet."""
    after: Run

    @property
    def is_new(self) -> bool:
        """Whether the tables do not hold the run yet."""
        return self.before.version == 0
