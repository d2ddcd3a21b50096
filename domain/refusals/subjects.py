"""What it is about is not there, is there already, or has no state."""

from dataclasses import dataclass, field
from typing import Any

from domain.refusals.base import Refusal, among


@dataclass(eq=False)
class RunNotFound(Refusal):
    code = "run-not-found"
    title = "There is no such run"

    run_id: str
    similar: list[str] = field(default_factory=list)

    @property
    def detail(self) -> str:
        return f"No run is called {self.run_id!r}."

    @property
    def remedy(self) -> str:
        if self.similar:
            return f"Did you mean {' or '.join(self.similar)}? If not, create it first, with this call."
        return "Create it first, with this call."


@dataclass(eq=False)
class PhaseNotFound(Refusal):
    code = "phase-not-found"
    title = "The run has no such phase"

    run_id: str
    phase_id: str
    similar: list[str] = field(default_factory=list)

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} has no phase {self.phase_id!r}."

    @property
    def remedy(self) -> str:
        if self.similar:
            return (
                f"Did you mean {' or '.join(self.similar)}? If not, add it first, with the call given here."
            )
        return "Add it first, with this call."


@dataclass(eq=False)
class ApprovalNotFound(Refusal):
    code = "approval-not-found"
    title = "Nobody asked for that"

    approval: int | None = None
    run_id: str | None = None
    waiting: list[int] = field(default_factory=list)
    """The requests of the run that wait for an answer."""

    @property
    def detail(self) -> str:
        if self.run_id is None:
            return f"No request for approval has the number {self.approval}."
        which = "that the answer names" if self.approval is None else str(self.approval)
        waiting = among([str(version) for version in self.waiting])
        return f"Run {self.run_id!r} has no request for approval {which}; waiting: {waiting}."

    @property
    def remedy(self) -> str:
        return (
            "Read which there are; an answer names the version of the run.approval_requested that it answers."
        )


@dataclass(eq=False)
class RunExists(Refusal):
    code = "run-exists"
    title = "The run exists already"

    run_id: str
    state: str | None
    current_version: int

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} exists already, at version {self.current_version}."

    @property
    def remedy(self) -> str:
        return (
            "Read it and go on with it, or choose another run_id. "
            "A retried creation is safe with the Idempotency-Key of the first try."
        )


@dataclass(eq=False)
class PhaseExists(Refusal):
    code = "phase-exists"
    title = "The phase exists already"

    run_id: str
    phase_id: str
    state: str | None

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} has a phase {self.phase_id!r} already."

    @property
    def remedy(self) -> str:
        return "Go on with it, or choose another phase_id."


@dataclass(eq=False)
class Quarantined(Refusal):
    code = "quarantined"
    title = "It is in quarantine"

    run_id: str
    phase_id: str | None = None
    current_version: int | None = None
    value: str | None = None
    """The state as it was found."""
    suggested: str | None = None
    """The state that it probably stands for."""
    findings: list[dict[str, Any]] | None = None
    """What was odd about it."""

    @property
    def detail(self) -> str:
        what = f"Phase {self.phase_id!r} of run {self.run_id!r}" if self.phase_id else f"Run {self.run_id!r}"
        found = (
            "without a state"
            if self.value is None
            else f"with the state {self.value[:140]!r}, which is none here"
        )
        return f"{what} was imported {found}; it has none until it is repaired."

    @property
    def remedy(self) -> str:
        meant = f" ({self.suggested} is suggested)" if self.suggested else ""
        return f"Propose a repair that names a legal state{meant}; a person approves it."
