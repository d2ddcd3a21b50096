"""When the service cannot do what it was asked, through no fault of the caller.

Unavailable
├── Overloaded          too many requests wait
├── DatabaseBusy        somebody else holds the database
├── DatabaseDown        it cannot be reached, or refuses for a reason of its own
├── ShuttingDown        it takes no more requests
├── DatabaseUnfit       another program than this one has changed it
└── OutcomeUnknown      the connection was lost while it committed
"""

from dataclasses import dataclass
from typing import ClassVar

from domain.refusals import Refusal


class Unavailable(Refusal):
    """The same request may succeed a little later."""

    retry_after_seconds: ClassVar[int] = 1

    @property
    def remedy(self) -> str:
        return f"Send it again in {self.retry_after_seconds} s, with the same Idempotency-Key."


@dataclass(eq=False)
class Overloaded(Unavailable):
    code = "overloaded"
    title = "Too many requests wait"

    waiting: int

    @property
    def detail(self) -> str:
        return f"{self.waiting} requests wait to be recorded; no more are taken."


@dataclass(eq=False)
class DatabaseBusy(Unavailable):
    code = "database-busy"
    title = "The database is busy"

    @property
    def detail(self) -> str:
        return "Another program holds the database for writing. Nothing was recorded."


@dataclass(eq=False)
class DatabaseDown(Unavailable):
    code = "database-down"
    title = "The database cannot be used"
    retry_after_seconds = 5

    @property
    def detail(self) -> str:
        return "The database cannot be reached, or cannot take anything now. Nothing was recorded."


@dataclass(eq=False)
class DatabaseUnfit(Unavailable):
    code = "database-unfit"
    title = "The database is not one that this program works with"
    retry_after_seconds = 60

    why: str

    @property
    def detail(self) -> str:
        return f"It cannot be worked with as it is. {self.why}"

    @property
    def remedy(self) -> str:
        return "Have an operator run `runnotary doctor`, which says what to do."


@dataclass(eq=False)
class ShuttingDown(Unavailable):
    code = "shutting-down"
    title = "The service is going down"

    @property
    def detail(self) -> str:
        return "The service takes no more requests. Nothing was recorded."


@dataclass(eq=False)
class OutcomeUnknown(Unavailable):
    code = "outcome-unknown"
    title = "Nobody knows whether it was recorded"

    @property
    def detail(self) -> str:
        return "The connection to the database was lost while it committed: it may be recorded, or not."

    @property
    def remedy(self) -> str:
        return (
            "Send it again with the same Idempotency-Key: it is recorded once. "
            "Without a key, read the run first."
        )
