"""Why a repair is not proposed, approved or rejected."""

from dataclasses import dataclass
from typing import Any

from domain.refusals.base import Refusal


def entity(run_id: str, phase_id: str | None) -> str:
    """What a repair is about, for a sentence."""
    return f"phase {phase_id!r} of run {run_id!r}" if phase_id else f"run {run_id!r}"


@dataclass(eq=False)
class RepairNotFound(Refusal):
    code = "repair-not-found"
    title = "There is no such repair"

    repair_id: str

    @property
    def detail(self) -> str:
        return f"No repair is called {self.repair_id[:140]!r}."

    @property
    def remedy(self) -> str:
        return "Look it up in the list of repairs."


@dataclass(eq=False)
class NothingToRepair(Refusal):
    code = "nothing-to-repair"
    title = "It is in this state already"

    run_id: str
    state: str
    phase_id: str | None = None

    @property
    def detail(self) -> str:
        what = entity(self.run_id, self.phase_id)
        return f"{what[:1].upper()}{what[1:]} is {self.state} already."

    @property
    def remedy(self) -> str:
        return "Leave it as it is; propose run.annotated or phase.annotated if there is something to add."


@dataclass(eq=False)
class RepairOutOfDate(Refusal):
    code = "repair-out-of-date"
    title = "The run has moved on since the repair was proposed"

    repair_id: str
    run_id: str
    version: int
    current_version: int
    again: dict[str, Any]
    """The same proposal, for the run as it is now."""

    @property
    def detail(self) -> str:
        return (
            f"Repair {self.repair_id} was proposed for run {self.run_id!r} at version {self.version}; "
            f"it is at {self.current_version}, so that its preview is out of date."
        )

    @property
    def remedy(self) -> str:
        return "See whether it is still wanted; if so, propose it again, and reject this one."


@dataclass(eq=False)
class RepairDecided(Refusal):
    code = "repair-decided"
    title = "The repair was decided already"

    repair_id: str
    run_id: str
    decision: str
    decided_by: str
    decided_at: str

    @property
    def detail(self) -> str:
        return f"Repair {self.repair_id} was {self.decision} by {self.decided_by} at {self.decided_at}."

    @property
    def remedy(self) -> str:
        return "A decision stands. Propose another repair if the state is still wrong."


@dataclass(eq=False)
class SecondPersonNeeded(Refusal):
    code = "second-person-needed"
    title = "Another person has to approve it"

    repair_id: str
    run_id: str
    proposed_by: str
    approver: str

    @property
    def detail(self) -> str:
        if self.approver == self.proposed_by:
            return f"{self.approver} has proposed repair {self.repair_id}, and cannot approve it too."
        return f"Repair {self.repair_id} cannot be approved by somebody without a name."

    @property
    def remedy(self) -> str:
        return (
            f"Have somebody else than {self.proposed_by} approve it, under a name of their own. "
            "RUNNOTARY_REPAIR_TWO_PERSONS asks for that."
        )
