"""The machine as a Mermaid state diagram, from the table of moves."""

from domain.moves import ANY, NONE, PHASE_MOVES, QUARANTINED, RUN_MOVES, STAYS, Entity
from domain.states import DONE, PhaseState


def mermaid(entity: Entity) -> str:
    """The moves of an entity as text that many pages draw; events that move nothing are left out."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in RUN_MOVES if entity == "run" else PHASE_MOVES:
        if move.leads_to in (STAYS, ANY, QUARANTINED):
            continue
        for source in move.sources:
            arrows.setdefault((source, move.leads_to), []).append(move.event.partition(".")[2])
    lines = ["stateDiagram-v2"]
    lines += [
        f"    {'[*]' if source == NONE else source} --> {target}: {', '.join(events)}"
        for (source, target), events in arrows.items()
    ]
    ends = sorted(DONE) if entity == "run" else [PhaseState.COMPLETE, PhaseState.SKIPPED]
    lines += [f"    {state} --> [*]" for state in ends]
    return "\n".join(lines) + "\n"
