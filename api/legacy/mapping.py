"""Which legal state an old word stands for: an exact table, and nothing that is merely like it."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from api.legacy.values import kept
from domain.events.taken_over import MappingKind, StateMapping
from domain.states import PhaseState, RunState, TierState

Entity = Literal["run", "tier", "phase"]

STATES: Mapping[Entity, type[StrEnum]] = {"run": RunState, "tier": TierState, "phase": PhaseState}

P, R, T = PhaseState, RunState, TierState


class Meaning(NamedTuple):
    """What a word is taken for."""

    kind: MappingKind
    to: str | None
    why: str


LOWER_CASE = "the state in lower case, as scripts wrote it"
UNDER_WAY = "work was under way; which step it was in, nobody wrote down"
WAITED = "it waited; where that system had it wait, nobody wrote down"
AN_OUTCOME = "the outcome of an attempt, written as if it were a state"
ENDED = "it was over; with which result, the word does not say"
SAYS_NOTHING = "a word for having no state"


def spellings() -> Iterator[tuple[tuple[Entity, str], Meaning]]:
    """The legal states in lower case."""
    for entity, states in STATES.items():
        for state in states:
            yield (entity, state.lower()), Meaning("rename", state.value, LOWER_CASE)


MEANINGS: Mapping[tuple[Entity, str], Meaning] = {
    **dict(spellings()),
    ("phase", "completed"): Meaning("rename", P.COMPLETE, "another form of the same word"),
    ("phase", "COMPLETED"): Meaning("rename", P.COMPLETE, "another form of the same word"),
    ("run", "READY"): Meaning("semantic", R.RUN_CREATED, "created and ready to be executed"),
    ("run", "PENDING"): Meaning("semantic", R.QUEUED, WAITED),
    ("run", "EXECUTING"): Meaning("semantic", R.PHASE_EXECUTION, UNDER_WAY),
    ("run", "IN_PROGRESS"): Meaning("semantic", R.PHASE_EXECUTION, UNDER_WAY),
    ("run", "RUNNING"): Meaning("semantic", R.PHASE_EXECUTION, UNDER_WAY),
    ("run", "SUCCEEDED"): Meaning("semantic", R.DONE_SUCCESS, "it was over, and went well"),
    ("run", "FAILED_SYSTEM_ERROR"): Meaning(
        "semantic", R.DONE_FAILED_ENVIRONMENT, "its surroundings failed it"
    ),
    ("run", "DONE_FAILED_TOKEN_CAP_EXCEEDED"): Meaning(
        "semantic", R.DONE_FAILED_BUDGET_EXHAUSTED, "its tokens were spent"
    ),
    ("run", "DONE_FAILED_PHASE_LIMIT_EXCEEDED"): Meaning(
        "ambiguous", None, "a limit is a budget to some and a policy to others"
    ),
    ("run", "COMPLETE"): Meaning("ambiguous", None, ENDED),
    ("run", "COMPLETED"): Meaning("ambiguous", None, ENDED),
    ("run", "DONE"): Meaning("ambiguous", None, ENDED),
    ("run", "FAILED"): Meaning("ambiguous", None, "a run fails in one of four ways, and the word names none"),
    ("run", "CANCELLED"): Meaning("ambiguous", None, "somebody ended it; no state says so"),
    ("run", "TIMEOUT"): Meaning("ambiguous", None, "whose time was up, the word does not say"),
    ("run", "PAUSED"): Meaning("ambiguous", None, "it may go on from any state"),
    ("run", "archived"): Meaning("ambiguous", None, "put aside; in which state it was then is lost"),
    ("run", "INVALID"): Meaning("unknown", None, SAYS_NOTHING),
    ("phase", "pending"): Meaning("semantic", P.QUEUED, WAITED),
    ("phase", "PENDING"): Meaning("semantic", P.QUEUED, WAITED),
    ("phase", "ready"): Meaning("semantic", P.QUEUED, WAITED),
    ("phase", "in_progress"): Meaning("semantic", P.EXECUTING, UNDER_WAY),
    ("phase", "IN_PROGRESS"): Meaning("semantic", P.EXECUTING, UNDER_WAY),
    ("phase", "running"): Meaning("semantic", P.EXECUTING, UNDER_WAY),
    ("phase", "CI_FAILED"): Meaning("semantic", P.FAILED, AN_OUTCOME),
    ("phase", "DELIVERABLES_VALIDATION_FAILED"): Meaning("semantic", P.FAILED, AN_OUTCOME),
    ("phase", "BLOCKED"): Meaning("ambiguous", None, "that system failed such a phase, or had it wait"),
    ("phase", "blocked"): Meaning("ambiguous", None, "that system failed such a phase, or had it wait"),
    ("phase", "REPLAN_REQUESTED"): Meaning("ambiguous", None, "its attempt failed, or it was queued again"),
    ("phase", "APPROVAL_PENDING"): Meaning("ambiguous", None, "it waited for a person, before or after work"),
    ("phase", "TIMEOUT"): Meaning("ambiguous", None, "whose time was up, the word does not say"),
    ("phase", "ERROR"): Meaning("ambiguous", None, "something went wrong; whether it ended, nobody wrote"),
    ("phase", "rolled_back"): Meaning("ambiguous", None, "its work was undone; it failed, or is to be done"),
    ("phase", "invalid_state"): Meaning("unknown", None, SAYS_NOTHING),
    ("phase", "INVALID_STATE"): Meaning("unknown", None, SAYS_NOTHING),
    ("phase", "BAD_STATE"): Meaning("unknown", None, SAYS_NOTHING),
    ("phase", "NOT_FOUND"): Meaning("unknown", None, SAYS_NOTHING),
    ("phase", "UNKNOWN"): Meaning("unknown", None, SAYS_NOTHING),
    ("tier", "QUEUED"): Meaning("semantic", T.PENDING, WAITED),
    ("tier", "BROKEN"): Meaning("unknown", None, "no word of that system"),
}
"""By entity and word. A word that is not here is taken for nothing."""

STRANGE = Meaning("unknown", None, "nobody knows this word")


def meaning(entity: Entity, found: Any) -> Meaning:
    """What an illegal state is taken for."""
    return MEANINGS.get((entity, found), STRANGE) if isinstance(found, str) else STRANGE


def is_legal(entity: Entity, found: Any) -> bool:
    """Whether this is a state, to the letter."""
    return isinstance(found, str) and found in STATES[entity].__members__


def recorded(found: Any, told: Meaning) -> StateMapping:
    """What an event keeps of it."""
    return StateMapping.model_validate({"from": kept(found), "kind": told.kind, "to": told.to})
