"""What the machine and its guards say."""

from dataclasses import dataclass
from typing import Any

from domain.refusals.base import Refusal, among


@dataclass(eq=False)
class IllegalMove(Refusal):
    code = "illegal-move"
    title = "This may not happen now"

    run_id: str
    event: str
    state: str | None
    legal: list[str]
    sources: list[str]
    phase_id: str | None = None
    current_version: int | None = None

    @property
    def detail(self) -> str:
        what = f"phase {self.phase_id!r}" if self.phase_id else f"run {self.run_id!r}"
        return f"{self.event} may not happen while {what} is {self.state}: only while {among(self.sources)}."

    @property
    def remedy(self) -> str:
        return f"Propose one that is legal now: {among(self.legal)}."


@dataclass(eq=False)
class RunTerminal(Refusal):
    code = "run-terminal"
    title = "The run is over"

    run_id: str
    event: str
    state: str
    current_version: int

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} is {self.state}; {self.event} may not happen any more."

    @property
    def remedy(self) -> str:
        if self.state == "DONE_SUCCESS":
            return "Create a new run for what is left; if this one has not succeeded, propose a repair of it."
        return "Propose run.reopened with a reason if the run is to go on."

    @property
    def next_event(self) -> dict[str, Any] | None:
        if self.state == "DONE_SUCCESS":
            return None
        return {"type": "run.reopened", "data": {"reason": "say why"}}


@dataclass(eq=False)
class RunNotExecuting(Refusal):
    code = "run-not-executing"
    title = "The run is not executing"

    run_id: str
    phase_id: str
    state: str
    path: list[str]

    @property
    def detail(self) -> str:
        return f"No phase starts while run {self.run_id!r} is {self.state}."

    @property
    def remedy(self) -> str:
        return f"Propose {', then '.join(self.path)}; then start the phase again."

    @property
    def next_event(self) -> dict[str, Any] | None:
        return {"type": self.path[0]} if self.path else None


@dataclass(eq=False)
class RunHeld(Refusal):
    code = "run-held"
    title = "The run is held"

    run_id: str
    phase_id: str

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} is held: no phase starts."

    @property
    def remedy(self) -> str:
        return "Wait until whoever holds it proposes run.unheld; its events tell who and why."

    @property
    def next_event(self) -> dict[str, Any] | None:
        return {"type": "run.unheld"}


@dataclass(eq=False)
class StaleAttempt(Refusal):
    code = "stale-attempt"
    title = "This is not the current attempt"

    run_id: str
    phase_id: str
    event: str
    attempt: int
    current_attempt: int
    state: str | None
    why: str | None = None
    """How the attempt came to be released, where that is the last that the phase was."""

    @property
    def detail(self) -> str:
        current = f"the current one is {self.current_attempt}"
        if self.event == "phase.started":
            current = f"the next one to start is {self.current_attempt + 1}"
        elif self.attempt == self.current_attempt:
            current = f"that one is over, and the phase is {self.state}"
        released = f" It was released: {self.why}" if self.why else ""
        return f"{self.event} names attempt {self.attempt} of phase {self.phase_id!r}; {current}.{released}"

    @property
    def remedy(self) -> str:
        return "Stop working on it: the phase went on without this attempt. Read it before you propose again."


@dataclass(eq=False)
class AttemptRequired(Refusal):
    code = "attempt-required"
    title = "The attempt has to be named"

    run_id: str
    phase_id: str
    event: str
    current_attempt: int

    @property
    def detail(self) -> str:
        return (
            f"{self.event} has to name its attempt, so that nobody speaks for an attempt that another opened."
        )

    @property
    def remedy(self) -> str:
        return (
            'Add "attempt": the number that the answer to your phase.started gave. '
            f"The open one is {self.current_attempt}."
        )


@dataclass(eq=False)
class AttemptsExhausted(Refusal):
    code = "attempts-exhausted"
    title = "No attempt is left"

    run_id: str
    phase_id: str
    attempt: int
    max_attempts: int

    @property
    def detail(self) -> str:
        return f"Phase {self.phase_id!r} has had {self.attempt} of {self.max_attempts} attempts."

    @property
    def remedy(self) -> str:
        return "Propose phase.skipped with a reason, or end the run with run.failed_requires_human_review."

    @property
    def next_event(self) -> dict[str, Any] | None:
        return {"type": "phase.skipped", "phase_id": self.phase_id, "data": {"reason": "say why"}}


@dataclass(eq=False)
class TooManyPhases(Refusal):
    code = "too-many-phases"
    title = "The run takes no more phases"

    run_id: str
    max_phases: int

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} takes at most {self.max_phases} phases."

    @property
    def remedy(self) -> str:
        return "Put the work into another run, or create the run with a larger config.max_phases."


@dataclass(eq=False)
class UnknownTier(Refusal):
    code = "unknown-tier"
    title = "The run has no such tier"

    run_id: str
    tier_id: str
    tiers: list[str]

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} has no tier {self.tier_id!r}; its tiers are: {among(self.tiers)}."

    @property
    def remedy(self) -> str:
        return "Use one of its tiers, or leave tier_id out. Tiers are given when the run is created."


@dataclass(eq=False)
class PhasesOpen(Refusal):
    code = "phases-open"
    title = "Not every phase is settled"

    run_id: str
    open_phases: dict[str, str | None]

    @property
    def detail(self) -> str:
        shown = list(self.open_phases.items())[:10]
        named = [f"{phase_id} is {state or 'quarantined'}" for phase_id, state in shown]
        return f"Run {self.run_id!r} cannot succeed: {among(named)}."

    @property
    def remedy(self) -> str:
        return "Complete or skip these phases, or end the run with one of run.failed_*."


@dataclass(eq=False)
class BudgetExhausted(Refusal):
    code = "budget-exhausted"
    title = "The budget is spent"

    run_id: str
    phase_id: str
    tokens_used: int
    token_cap: int

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} has used {self.tokens_used} of {self.token_cap} tokens: no phase starts."

    @property
    def remedy(self) -> str:
        return "Propose run.failed_budget_exhausted."

    @property
    def next_event(self) -> dict[str, Any] | None:
        return {"type": "run.failed_budget_exhausted"}


@dataclass(eq=False)
class ApprovalAnswered(Refusal):
    code = "approval-answered"
    title = "It was answered before"

    run_id: str
    approval: int
    status: str
    answered_by: str | None

    @property
    def detail(self) -> str:
        return (
            f"The request for approval {self.approval} of run {self.run_id!r} is {self.status} already, "
            f"by {self.answered_by}."
        )

    @property
    def remedy(self) -> str:
        return "An answer is final: have it asked again, with a new run.approval_requested."

    @property
    def next_event(self) -> dict[str, Any] | None:
        return {"type": "run.approval_requested", "data": {"context": "say what is asked for"}}


@dataclass(eq=False)
class RunPreserved(Refusal):
    code = "run-preserved"
    title = "The run is preserved"

    run_id: str
    why: str | None

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} is preserved and cannot be archived" + (
            f": {self.why}" if self.why else "."
        )

    @property
    def remedy(self) -> str:
        return "Propose run.unpreserved first, if it need not be kept in sight any more."

    @property
    def next_event(self) -> dict[str, Any] | None:
        return {"type": "run.unpreserved"}
