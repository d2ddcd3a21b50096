"""How quarantine and repairs read on a terminal."""

import json
from collections.abc import Iterable, Iterator, Mapping
from shlex import join
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from api.cli import pages
from api.cli.output import indented, pairs, plain, table
from api.cli.pages import seconds
from api.cli.refused import command_for

Json = Mapping[str, Any]

LENGTH_MAX = 200
"""Characters that are shown of what was found: it may be a megabyte. --json has all of it."""


def entity(told: Json) -> str:
    """What it is about."""
    return " ".join(word for word in (told["run_id"], told["phase_id"]) if word)


def waiting(told: Json, options: Iterable[str]) -> Iterator[RenderableType]:
    """Something in quarantine, with what repairs it."""
    value = f"was {text(told['value'])}" if told["value"] is not None else "had no state"
    kind = f" ({told['kind']})" if told["kind"] else ""
    meant = f"; {told['suggested']} is suggested" if told["suggested"] else ""
    yield Text.assemble((entity(told), "bold"), plain(f"  {value}{kind}{meant}"))
    for finding in told["findings"]:
        words = [text(finding[name]) for name in ("code", "value", "detail") if finding.get(name) is not None]
        yield indented(plain(": ".join(words)), 2)
    if told["proposed"]:
        yield indented(plain(f"proposed: {', '.join(told['proposed'])}"), 2)
    else:
        yield indented(plain(f"try: {join(['runnotary', *(command_for(told['call']) or ()), *options])}"), 2)


def text(value: object) -> str:
    """What was found: text as it is, and anything else as JSON; of what is long, its beginning."""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return told if len(told) <= LENGTH_MAX else f"{told[: LENGTH_MAX - 1]}\N{HORIZONTAL ELLIPSIS}"


def repair_list(repairs: Iterable[Json]) -> RenderableType:
    """Repairs, one a line."""
    return table(
        ("repair", "status", "of", "from", "to", "proposed (UTC)", "by", "finding", "reason"),
        (
            (
                each["repair_id"],
                status_of(each),
                entity(each),
                each["before"] or "(quarantined)",
                each["state"],
                seconds(each["proposed_at"]),
                each["proposed_by"],
                each["finding"],
                each["reason"],
            )
            for each in repairs
        ),
    )


def status_of(told: Json) -> str:
    """What became of a repair."""
    return "out of date" if told["is_out_of_date"] else str(told["status"])


def repair_page(told: Json) -> Iterator[RenderableType]:
    """A repair with its preview, and what was decided."""
    facts = [
        ("repair", told["repair_id"]),
        ("status", status_of(told)),
        ("of", f"{entity(told)}, at version {told['version']}"),
        ("change", f"{told['before'] or '(quarantined)'} \N{RIGHTWARDS ARROW} {told['state']}"),
        ("reason", told["reason"]),
        *(("evidence", each) for each in told["evidence"]),
        ("finding", told["finding"]),
        ("proposed", f"{seconds(told['proposed_at'])} by {told['proposed_by']}"),
    ]
    if told["decided_by"]:
        why = f": {told['decided_why']}" if told["decided_why"] else ""
        facts.append((told["status"], f"{seconds(told['decided_at'])} by {told['decided_by']}{why}"))
    yield pairs((name, value) for name, value in facts if value is not None)
    preview = told["preview"]
    yield Text()
    rows = ((each["field"], each["from"], each["to"]) for each in preview["changes"])
    yield table(("field", "from", "to"), rows)
    yield Text()
    yield plain(f"legal then, for {entity(told)}:")
    yield from pages.moves_of(preview["legal"])
    yield Text()
    if not preview["contradicts"]:
        yield plain("It contradicts no guard.")
    for each in preview["contradicts"]:
        so = "as it does now" if each["is_so_already"] else "new"
        yield Text.assemble("contradicts ", (each["code"], "bold red"), plain(f" ({so}): {each['detail']}"))


def done(told: Json) -> Text:
    """A decision, in one line."""
    change = f"{told['before'] or '(quarantined)'} \N{RIGHTWARDS ARROW} {told['state']}"
    version = f", version {told['event_version']}" if told["event_version"] else ""
    return plain(f"{told['status']} {told['repair_id']}: {entity(told)} {change}{version}")
