"""The page of moves: what may happen while what, and what it leads to."""

from collections.abc import Iterable, Iterator

from api.diagram import mermaid
from docs.generated.markdown import block, code, paragraph, table
from domain.moves import (
    ANY,
    EVERY_PHASE,
    EVERY_RUN,
    NONE,
    OPEN_RUN,
    PHASE_MOVES,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    RUN_MOVES,
    STAYS,
    Entity,
    Move,
)
from domain.states import DONE_FAILED

EVERY = {
    frozenset(EVERY_RUN): "every state",
    frozenset(EVERY_PHASE): "every state",
    frozenset(OPEN_RUN): "every state that is not `DONE_*`",
    frozenset(DONE_FAILED): "every `DONE_FAILED_*` state",
    frozenset((*EVERY_RUN, QUARANTINED)): "every state, and quarantine",
    frozenset((*EVERY_PHASE, QUARANTINED)): "every state, and quarantine",
}
LEADS_TO = {STAYS: "(stays)", ANY: "the state in its data", QUARANTINED: "quarantine"}
ENTITIES: dict[Entity, tuple[str, tuple[Move, ...]]] = {
    "run": ("Runs", RUN_MOVES),
    "phase": ("Phases", PHASE_MOVES),
}


def moves() -> Iterator[str]:
    """The tables of legal moves, and their diagrams."""
    yield from paragraph(
        "# Moves",
        "What happens, while what, leading where: the rows of `domain/moves.py`. The table `legal_moves` of "
        "the database and `GET /v1/machine` hold the same ones. What else may stand in the way of a move "
        "that is legal by this table is among the [refusals](refusals.md).",
    )
    for entity, (title, rows) in ENTITIES.items():
        yield from paragraph(f"## {title}")
        yield from move_table(m for m in rows if m.leads_to not in LEADS_TO)
        yield from paragraph("These move nothing:")
        yield from move_table(m for m in rows if m.leads_to == STAYS)
        yield from paragraph(
            "These set a state outside the moves, or none. Only the service itself records them; whoever "
            "proposes one is refused with [`reserved-event`](refusals.md#reserved-event):"
        )
        yield from move_table(m for m in rows if m.event in RECORDED_BY_SERVICE)
        yield from block("mermaid", mermaid(entity))
    yield from paragraph(
        "## Tiers", "The state of a tier is derived from its phases. Of these, the first that fits:"
    )
    yield from (
        "1. every phase COMPLETE or SKIPPED: `COMPLETE`, or `SKIPPED` where all are skipped;",
        "2. a phase FAILED: `FAILED`;",
        "3. a phase that was ever started, or is not QUEUED: `IN_PROGRESS`;",
        "4. all else, and a tier without phases: `PENDING`.",
    )


def move_table(rows: Iterable[Move]) -> Iterator[str]:
    """Rows of the table of moves."""
    told = ((linked(move.event), while_what(move), leading_to(move)) for move in rows)
    return table(("What happens", "While", "Leads to"), told)


def linked(event: str) -> str:
    """An event, with a link to what it means."""
    return f"[{code(event)}](events.md#{event.replace('.', '')})"


def while_what(move: Move) -> str:
    """The states in which something may happen."""
    if (every := EVERY.get(frozenset(move.sources))) is not None:
        return every
    return ", ".join("(not there yet)" if source == NONE else code(source) for source in move.sources)


def leading_to(move: Move) -> str:
    """The state that something leads to."""
    return LEADS_TO.get(move.leads_to) or code(move.leads_to)
