"""Why the log is not streamed."""

from dataclasses import dataclass
from typing import ClassVar

from api.unavailable import Unavailable


@dataclass(eq=False)
class TooManyStreams(Unavailable):
    code = "too-many-streams"
    title = "Too many streams are open"
    retry_after_seconds: ClassVar[int] = 5

    open: int

    @property
    def detail(self) -> str:
        return f"{self.open} streams are open; no more are taken. RUNNOTARY_STREAMS_MAX sets the limit."

    @property
    def remedy(self) -> str:
        return (
            f"Open it again in {self.retry_after_seconds} s, or read page by page: GET /v1/events?after=N. "
            "One stream without filters serves a whole program."
        )
