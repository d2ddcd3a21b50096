"""Why something was not done: what went wrong, what to do now, and the facts.

RunnotaryError
├── Unavailable          nobody can say yes or no now: ask again later
│   └── Unreachable      no answer came
├── NotSupported         this service cannot do it, whatever the state of things
└── Refused              the service said no; asking again unchanged is no use
    ├── IllegalMove      it may not happen now: `legal` says what may
    ├── StaleAttempt     another attempt has taken the place of this one
    ├── RunOver          the run is in a DONE state
    ├── NotFound         there is no such run, phase, version, ...
    ├── AlreadyExists    a run or phase of that id is there
    ├── Quarantined      it was imported without a legal state
    ├── VersionMismatch  the run has moved on
    ├── Invalid          what was sent cannot be understood
    └── Defect           the service failed
"""

from collections.abc import Mapping
from typing import Any

TOO_MANY, DEFECT, UNAVAILABLE = 429, 500, 503


class RunnotaryError(Exception):
    """Anything that this client raises by itself."""


class NotSupported(RunnotaryError):
    """The service at this URL lacks what is asked for, or is no Runnotary."""


class Unavailable(RunnotaryError):
    """The service cannot say yes or no now; it may have recorded what was sent, once."""

    def __init__(
        self, message: str, problem: Mapping[str, Any] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, problem, retry_after)  # so that it can be pickled
        self.problem = problem or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def code(self) -> str:
        """The service's word for it; "unreachable" where no answer came."""
        return str(self.problem.get("code", "unreachable"))


class Unreachable(Unavailable):
    """No answer came: nothing listens, the connection was lost, or it took too long."""


class Refused(RunnotaryError):
    """The service refused it (RFC 9457). Prints code, detail, remedy and the legal moves."""

    def __init__(self, problem: Mapping[str, Any], note: str | None = None) -> None:
        super().__init__(problem, note)  # so that it can be pickled
        self.problem = problem

    def __str__(self) -> str:
        return told(*self.args)

    @property
    def code(self) -> str:
        """The stable word for programs."""
        return str(self.problem["code"])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.problem["status"])

    @property
    def detail(self) -> str:
        """What is wrong, for people."""
        return str(self.problem.get("detail", ""))

    @property
    def remedy(self) -> str:
        """What to do now, for people."""
        return str(self.problem.get("remedy", ""))

    @property
    def call(self) -> Mapping[str, Any] | None:
        """The request that the remedy means, where there is one: method, path, body."""
        return self.problem.get("call")

    @property
    def legal(self) -> list[str]:
        """The events that are legal now, where the service named them."""
        return list(self.problem.get("legal", ()))


class IllegalMove(Refused):
    """It may not happen now."""


class StaleAttempt(Refused):
    """The attempt that reports is not the current one: somebody else has taken the phase up."""


class RunOver(Refused):
    """The run has ended."""


class NotFound(Refused):
    """It is not there."""


class AlreadyExists(Refused):
    """It is there already."""


class Quarantined(Refused):
    """It waits in quarantine, without a state."""


class VersionMismatch(Refused):
    """The run is not at the version that was expected."""


class Invalid(Refused):
    """The service does not understand what was sent."""


class Defect(Refused):
    """The service failed."""


BY_CODE: dict[str, type[Refused]] = {
    "stale-attempt": StaleAttempt,
    "run-terminal": RunOver,
    "run-exists": AlreadyExists,
    "phase-exists": AlreadyExists,
    "quarantined": Quarantined,
}
BY_STATUS: dict[int, type[Refused]] = {404: NotFound, 409: IllegalMove, 412: VersionMismatch, 500: Defect}


def told(problem: Mapping[str, Any], note: str | None) -> str:
    """A problem in a few lines."""
    lines = [f"{problem.get('code')}: {problem.get('detail') or problem.get('title')}"]
    lines += [f"Remedy: {problem['remedy']}"] if problem.get("remedy") else []
    lines += [f"Legal now: {', '.join(problem['legal'])}"] if problem.get("legal") else []
    lines += [note] if note else []
    return "\n".join(lines)


def refusal(problem: Mapping[str, Any], note: str | None = None) -> Refused:
    """The exception that a problem is."""
    kind = BY_CODE.get(problem["code"]) or BY_STATUS.get(problem["status"], Invalid)
    return kind(problem, note)
