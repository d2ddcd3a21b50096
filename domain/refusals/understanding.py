"""What was asked cannot be understood."""

from dataclasses import dataclass

from domain.refusals.base import Refusal, among


@dataclass(eq=False)
class InvalidBody(Refusal):
    code = "invalid-body"
    title = "The body is not what this call takes"

    errors: list[dict[str, str]]

    @property
    def detail(self) -> str:
        return "; ".join(f"{e['pointer'] or 'the body'}: {e['detail']}" for e in self.errors[:5])

    @property
    def remedy(self) -> str:
        return "Correct what `errors` points at; the schemas tell the shape of every event and body."


@dataclass(eq=False)
class InvalidId(Refusal):
    code = "invalid-id"
    title = "This cannot be an id"

    field: str
    value: str
    why: str = (
        "an id is 1 to 128 letters, digits, dots, dashes or underscores, and starts with a letter or digit"
    )

    @property
    def detail(self) -> str:
        return f"{self.field} {self.value[:140]!r} cannot be used: {self.why}."

    @property
    def remedy(self) -> str:
        return f"Choose another {self.field}, or leave it out to have one made."


@dataclass(eq=False)
class UnknownEvent(Refusal):
    code = "unknown-event"
    title = "There is no such event"

    event: str
    did_you_mean: list[str]

    @property
    def detail(self) -> str:
        return f"No event is called {self.event[:140]!r}."

    @property
    def remedy(self) -> str:
        if self.did_you_mean:
            return f"Did you mean {' or '.join(self.did_you_mean)}? The machine lists every event."
        return "Propose one of the events that the machine lists."


@dataclass(eq=False)
class UnknownState(Refusal):
    code = "unknown-state"
    title = "There is no such state"

    state: str
    states: list[str]
    did_you_mean: list[str]
    entity: str | None = None
    """Of what it is a state, where it is one, though not of what was asked about: run or phase."""
    run_id: str | None = None
    phase_id: str | None = None
    """A phase that could be asked about instead."""

    @property
    def detail(self) -> str:
        if self.entity is not None:
            other = "runs" if self.entity == "phase" else "phases"
            return f"{self.state[:140]!r} is a state of {self.entity}s, not of {other}."
        return f"{self.state[:140]!r} is no state that can be named here; these are: {among(self.states)}."

    @property
    def remedy(self) -> str:
        if self.entity == "phase":
            return "Name the phase too, with phase_id; or name a state of runs."
        if self.entity == "run":
            return "Leave phase_id out; or name a state of phases."
        meant = f"Did you mean {' or '.join(self.did_you_mean)}? " if self.did_you_mean else ""
        return f"{meant}Name one of {among(self.states)}. States are reached by events; nobody writes them."


@dataclass(eq=False)
class ReservedEvent(Refusal):
    code = "reserved-event"
    title = "Only the service records this event"

    event: str
    legal: list[str]

    @property
    def detail(self) -> str:
        return f"{self.event} sets a state outside the moves, so it cannot be proposed."

    @property
    def remedy(self) -> str:
        return f"Propose a move that is legal now: {among(self.legal)}."
