"""What people see of runs, moves, refusals and seals: made from the answers of the service."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.cli.output import indented, pairs, plain, table

Json = Mapping[str, Any]

TARGETS = {None: "(stays)", "*": "(as its data say)"}
"""How a move that leads to no state of its own reads."""


# --- runs ---


def run_list(runs: Sequence[Json]) -> Table:
    """Runs, one a line."""
    headings = ("run", "state", ">version", ">tokens", "updated (UTC)", "goal")
    return table(
        headings,
        (
            (
                run["run_id"],
                state_of(run),
                run["version"],
                f"{run['usage']['tokens_used']:,}",
                seconds(run["updated_at"]),
                run["goal"],
            )
            for run in runs
        ),
    )


def run_page(run: Json) -> Iterator[RenderableType]:
    """A run as it stands, with its phases and notes."""
    usage, config = run["usage"], run["config"]
    marks = [mark for mark in ("held", "preserved", "archived") if run[mark]]
    if run["preserved_why"]:
        marks[marks.index("preserved")] += f" ({run['preserved_why']})"
    facts = [
        ("run", run["run_id"]),
        ("state", state_of(run)),
        ("version", run["version"]),
        ("goal", run["goal"]),
        ("labels", ", ".join(f"{name}={value}" for name, value in run["labels"].items())),
        ("marks", ", ".join(marks)),
        ("used", f"{usage['tokens_used']:,} of {config['token_cap']:,} tokens; {counted(usage)}"),
        ("created", seconds(run["created_at"])),
        ("started", seconds(run["started_at"])),
        ("ended", seconds(run["completed_at"])),
        ("tiers", ", ".join(f"{tier['tier_id']} {tier['state']}" for tier in run["tiers"])),
    ]
    yield pairs((name, value) for name, value in facts if value not in (None, ""))
    if run["phases"]:
        yield Text()
        yield phase_list(run["phases"])
    if run["annotations"]:
        yield Text()
        yield table(
            ("note", "on", "tags", "by", "at (UTC)"),
            (
                (
                    note["text"],
                    note["phase_id"] or "the run",
                    ", ".join(note["tags"]),
                    note["actor"],
                    seconds(note["at"]),
                )
                for note in run["annotations"]
            ),
        )


def phase_list(phases: Sequence[Json]) -> Table:
    """The phases of a run, one a line."""
    return table(
        ("phase", "tier", "state", "attempt", ">tokens", "last outcome"),
        (
            (
                phase["phase_id"],
                phase["tier_id"],
                state_of(phase),
                f"{phase['attempt']} of {phase['max_attempts']}",
                f"{phase['usage']['tokens_used']:,}",
                outcome(phase),
            )
            for phase in phases
        ),
    )


def state_of(entity: Json) -> str:
    """A state; what was imported without a legal one has none."""
    return entity["state"] or "(quarantined)"


def outcome(phase: Json) -> str:
    """How the last attempt ended, where that says more than the state."""
    last = phase["last_outcome"] or {}
    words = [str(word) for word in (last.get("code"), last.get("detail")) if word]
    return "" if words == [phase["state"]] else ": ".join(words)


def counted(usage: Json) -> str:
    """What was used besides tokens."""
    issues = f"issues: {usage['minor_issues']} minor, {usage['major_issues']} major"
    return f"CI runs: {usage['ci_runs_used']}; {issues}"


def seconds(time: str | None) -> str | None:
    """A time without its fractions."""
    return time[:19].replace("T", " ") if time else None


# --- moves ---


def moves_page(moves: Json) -> Iterator[RenderableType]:
    """What may happen to a run and to each of its phases, and what stands in the way."""
    yield heading(f"run {moves['run_id']}", moves["state"], f"version {moves['version']}")
    yield from moves_of(moves["moves"])
    for phase in moves["phases"]:
        yield Text()
        yield heading(f"phase {phase['phase_id']}", phase["state"], f"attempt {phase['attempt']}")
        yield from moves_of(phase["moves"])
    if (path := moves.get("path")) is not None:
        yield Text()
        yield from path_of(path)


def heading(what: str, state: str | None, rest: str) -> Text:
    """What the moves below it are of."""
    return Text.assemble((what, "bold"), " is ", (state or "(quarantined)", "bold"), f", {rest}")


def moves_of(moves: Sequence[Json]) -> Iterator[RenderableType]:
    """Events that move something as a table, the others in a line."""
    moving = [move for move in moves if move["moves"]]
    if moving:
        yield table(
            ("  event", "leads to", "needs", "blocked"),
            (
                (f"  {move['type']}", move["leads_to"], ", ".join(move["requires"]), blocked(move))
                for move in moving
            ),
        )
    if still := [move["type"] for move in moves if not move["moves"]]:
        yield plain(f"  moving nothing: {', '.join(still)}", "dim")


def blocked(move: Json) -> str:
    """What stands in the way."""
    why = move["blocked_by"]
    return f"{why['code']}: {why['remedy']}" if why else ""


def path_of(path: Json) -> Iterator[RenderableType]:
    """What leads to a state: the shortest way step by step, and the events that lead there directly."""
    if path["is_there"]:
        yield Text.assemble("to ", (path["to"], "bold"), ": it is there")
    elif not path["reachable"]:
        yield Text.assemble("no legal moves lead to ", (path["to"], "bold"))
    else:
        steps = ", then ".join(f"{step['type']} ({step['leads_to']})" for step in path["steps"])
        yield Text.assemble("to ", (path["to"], "bold"), f": {steps}")
        for number, step in enumerate(path["steps"], 1):
            if step["blocked_by"]:
                yield plain(f"  step {number}, {step['type']}, would be refused")
                yield from why_not(step)
    if path["is_there"]:
        return
    for move in path["direct"]:
        sources = ", ".join(source or "(new)" for source in move["while"])
        word = "would be refused now" if move["blocked_by"] else "is legal now"
        yield plain(f"  directly: {move['type']}, while {sources}; it {word}")
        yield from why_not(move)


def why_not(move: Json) -> Iterator[RenderableType]:
    """What stands in the way, and what to do about it."""
    if (why := move["blocked_by"]) is not None:
        yield indented(plain(f"{why['code']}: {why['detail']}"), 4)
        yield indented(plain(f"remedy: {why['remedy']}"), 4)


def machine_table(machine: Json) -> Table:
    """The rows of a machine."""

    def stands(state: str | None) -> str:
        return state or "(new)"

    every = set(machine["states"])
    return table(
        ("event", "while", "leads to"),
        (
            (
                move["event"] if move["proposable"] else f"{move['event']} (by the service)",
                "any" if every <= set(move["from"]) else ", ".join(map(stands, move["from"])),
                TARGETS.get(move["to"], move["to"]),
            )
            for move in machine["moves"]
        ),
    )


# --- refusals ---


def refusal_list(refusals: Iterable[Json], *, of_run: bool) -> Iterator[RenderableType]:
    """Refusals, each with what to do about it."""
    for each in refusals:
        asked = " ".join(word for word in (each["event"] or "(a new run)", each["phase_id"]) if word)
        where = "" if of_run or not each["run_id"] else f"{each['run_id']}  "
        yield Text.assemble(
            plain(f"#{each['refusal_id']}  {seconds(each['refused_at'])}  {where}{each['actor']}: {asked}  "),
            (each["code"], "bold red"),
        )
        yield indented(plain(each["detail"]), 4)
        yield indented(plain(f"remedy: {each['remedy']}"), 4)


# --- seals ---

SHORT = 16
"""Digits of a hash that are enough for people."""


def seal_list(seals: Iterable[Json]) -> Table:
    """Seals, one a line."""
    headings = (">seal", ">from", ">to", "sealed (UTC)", "hash", "signed by")
    return table(
        headings,
        (
            (
                seal["number"],
                f"{seal['first_position']:,}",
                f"{seal['position']:,}",
                seconds(seal["sealed_at"]),
                seal["hash"][:SHORT],
                seal["key_id"] or "nobody",
            )
            for seal in seals
        ),
    )


def lease_list(leases: Iterable[Json]) -> Table:
    """Leases that are out, one a line."""
    headings = (
        "run",
        "phase",
        ">attempt",
        "state",
        "executor",
        ">lease",
        "last heartbeat (UTC)",
        "until (UTC)",
    )
    return table(
        headings,
        (
            (
                lease["run_id"],
                lease["phase_id"],
                lease["attempt"],
                lease["state"],
                lease["executor"],
                f"{lease['lease_seconds']:,} s",
                seconds(lease["heartbeat_at"]) if lease["heartbeat_at"] else "none",
                f"{seconds(lease['expires_at'])}{' (overdue)' if lease['overdue'] else ''}",
            )
            for lease in leases
        ),
    )
