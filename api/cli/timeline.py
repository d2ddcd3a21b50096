"""What people see of a history: events in order, with the time that passed between them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from api.cli.output import cell, fits, table
from api.origin import origin
from api.words import span

Json = Mapping[str, Any]
USAGE = ("tokens_used", "ci_runs_used", "minor_issues", "major_issues")

WIDTHS = (5, 12, 8, 16, 22, 16)
"""Columns of lines at first: number, time, time after the one before, run, event, phase."""
TO_THE_RIGHT = (0, 2)


def timeline(events: Sequence[Json], *, of_run: bool) -> Table:
    """Events in order, one a line; two lines each where the terminal is too narrow."""
    what = ["event", "phase"] if of_run else ["run", "event", "phase"]
    rows = ((event["recorded_at"], cells_of(event, of_run=of_run)) for event in events)
    return in_time(rows, what, ["state", "by", "said"])


class Lines:
    """Events one a line as they come, in columns that only ever grow wider."""

    def __init__(self) -> None:
        self._before: datetime | None = None
        self._widths = list(WIDTHS)

    def of(self, events: Sequence[Json]) -> list[Text]:
        """The lines of the events that come next."""
        rows = list(
            with_times(((each["recorded_at"], cells_of(each, of_run=False)) for each in events), self._before)
        )
        self._before = datetime.fromisoformat(events[-1]["recorded_at"])
        widths = (max(map(cell_len, map(str, column))) for column in zip_longest(*rows, fillvalue=""))
        self._widths = [max(pair) for pair in zip_longest(self._widths, widths, fillvalue=0)]
        return [self._line(row) for row in rows]

    def _line(self, row: Sequence[Text]) -> Text:
        for place, (text, width) in enumerate(zip(row, self._widths, strict=False)):
            pad = text.pad_left if place in TO_THE_RIGHT else text.pad_right
            pad(width - text.cell_len)
        line = Text("  ").join(row)
        line.rstrip()
        return line


def cells_of(event: Json, *, of_run: bool) -> Iterator[object]:
    """What there is to say of an event: its number, and a cell for each column but those of its time."""
    yield event["version"] if of_run else event["position"]
    if not of_run:
        yield event["run_id"]
    yield from (event["type"], attempt_of(event), change(event), event["actor"], "; ".join(said(event)))


def in_time(
    rows: Iterable[tuple[str, Iterable[object]]], above: Sequence[str], below: Sequence[str]
) -> Table:
    """Rows with the time of each, and the time since the one before; each a number, then its other cells.

    Where they do not fit, the columns of the one kind are put above those of the other.
    """
    when, dated = [">#", "time (UTC)", ">after"], list(with_times(rows))
    whole = table([*when, *above, *below], dated)
    if fits(whole):
        return whole
    till = len(when) + len(above)
    return table(
        [*when, "what happened"],
        ((*row[: len(when)], two_lines("  ", row[len(when) : till], ", ", row[till:])) for row in dated),
    )


def with_times(
    rows: Iterable[tuple[str, Iterable[object]]], before: datetime | None = None
) -> Iterator[list[Text]]:
    """The cells of each row, and a row of its own where a new day begins."""
    for time, (number, *cells) in rows:
        at = datetime.fromisoformat(time)
        if before is None or at.date() != before.date():
            yield [Text(), Text(str(at.date()), style="dim")]
        after = f"+{span(at - before)}" if before else ""
        yield [cell(each) for each in (number, at.strftime("%H:%M:%S.%f")[:-3], after, *cells)]
        before = at


def two_lines(gap: str, above: Sequence[Text], comma: str, below: Sequence[Text]) -> Text:
    """Cells of a row, one above the other."""
    lines = [Text(gap).join(filter(None, above)), Text(comma).join(filter(None, below))]
    return Text("\n").join(filter(None, lines))


def attempt_of(event: Json) -> str:
    """The phase that an event is about, and which attempt at it."""
    attempt = f" ({event['attempt']})" if event["attempt"] else ""
    return f"{event['phase_id'] or ''}{attempt}"


def change(event: Json) -> Text:
    """The state before and after, where it changed."""
    before, after = event["state_before"], event["state_after"] or "(quarantined)"
    if before == after:
        return Text()
    return Text.assemble(f"{before} \N{RIGHTWARDS ARROW} " if before else "", cell(after))


def found(data: Json) -> Iterator[str]:
    """Where an import found something, in which state, and what was odd about it."""
    if (told := origin(data)) is None:
        return
    yield f"{told.state} in {told.file}" if told.state else f"from {told.file}"
    yield from told.findings


def behind(repair: Any) -> Iterator[str]:  # whatever the data of an event hold
    """Who proposed a repair, who approved it, what it answers, and on what evidence."""
    if not isinstance(repair, dict) or "repair_id" not in repair:
        return
    yield f"proposed by {repair.get('proposed_by')}, approved by {repair.get('approved_by')}"
    if repair.get("finding"):
        yield f"answers {repair['finding']}"
    yield from (f"evidence: {each}" for each in repair.get("evidence") or ())


def said(event: Json) -> Iterator[str]:
    """What an event tells besides its type: outcome, note, reason, usage, and who took it up."""
    from domain.moves import RECORDED_BY_SERVICE
    from domain.story import WHY

    data = event["data"]
    if event["type"] in RECORDED_BY_SERVICE:
        yield "outside the moves"
        yield from found(data)
        yield from behind(data.get("repair"))
    if event["implied"]:
        yield "implied"
    yield from (str(data[name]) for name in WHY if data.get(name))
    yield from (f"{name} +{data[name]:,}" for name in USAGE if data.get(name))
    if data.get("executor") not in (None, event["actor"]):
        yield f"executor {data['executor']}"
