"""Every event: what its data hold. The catalogue that judges proposals, and nothing but proposals.

The `type` strings are stored for ever. Renaming one, or giving one another meaning, rewrites history:
add a new type instead. A recorded event is never validated again (see `domain.envelopes`).
"""

from domain.events import phase, run
from domain.events.shared import Event, Opening
from domain.states import RunState

__all__ = ["EVENTS", "OPENING", "phase", "run"]


def leaves(kind: type[Event]) -> list[type[Event]]:
    """The event types under this class, in the order in which they are written here."""
    children = kind.__subclasses__()
    if not children:
        return [kind]
    return [leaf for child in children for leaf in leaves(child)]


EVENTS: dict[str, type[Event]] = {event.type: event for event in leaves(Event)}
OPENING: dict[RunState, type[Opening]] = {
    RunState.QUEUED: run.RunQueued,
    RunState.PLAN_BOOTSTRAP: run.RunBootstrapped,
    RunState.RUN_CREATED: run.RunCreated,
}
"""The events that may open a run, by the state that they open it in."""
