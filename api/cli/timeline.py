"""What people see of a history: events in order, with the time that passed between them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.table import Table
from rich.text import Text

from api.cli.output import cell, fits, table

Json = Mapping[str, Any]
USAGE = ("tokens_used", "ci_runs_used", "minor_issues", "major_issues")


def timeline(events: Sequence[Json], *, of_run: bool) -> Table:
    """Events in order, one a line; two lines each where the terminal is too narrow."""
    rows = list(timeline_rows(events, of_run=of_run))
    when, what = [">#", "time (UTC)", ">after"], ["event", "phase"] if of_run else ["run", "event", "phase"]
    whole = table([*when, *what, "state", "by", "said"], rows)
    if fits(whole):
        return whole
    till = len(when) + len(what)
    return table(
        [*when, "what happened"],
        ((*row[: len(when)], two_lines("  ", row[len(when) : till], ", ", row[till:])) for row in rows),
    )


def timeline_rows(events: Sequence[Json], *, of_run: bool) -> Iterator[list[Text]]:
    """The cells of each event, and a row of its own where a new day begins."""
    before: datetime | None = None
    for event in events:
        at = datetime.fromisoformat(event["recorded_at"])
        if before is None or at.date() != before.date():
            yield [Text(), Text(str(at.date()), style="dim")]
        cells: list[object] = [event["version"] if of_run else event["position"]]
        cells += [at.strftime("%H:%M:%S.%f")[:-3], passed(at - before) if before else ""]
        cells += [] if of_run else [event["run_id"]]
        cells += [event["type"], attempt_of(event), change(event), event["actor"], "; ".join(said(event))]
        yield [cell(each) for each in cells]
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


def said(event: Json) -> Iterator[str]:
    """What an event tells besides its type: outcome, note, reason, usage, and who took it up."""
    data = event["data"]
    if event["implied"]:
        yield "implied by the run's end"
    yield from (str(data[name]) for name in ("outcome", "detail", "text", "why", "reason") if data.get(name))
    yield from (f"{name} +{data[name]:,}" for name in USAGE if data.get(name))
    if data.get("executor") not in (None, event["actor"]):
        yield f"executor {data['executor']}"


def passed(time: timedelta) -> str:
    """A span of time in the two units that matter."""
    whole = int(time.total_seconds())
    if whole < 1:
        return f"+{time.microseconds // 1_000} ms"
    if whole < 60:  # noqa: PLR2004  # a minute
        return f"+{time.total_seconds():.1f} s"
    minutes, hours, days = whole // 60, whole // 3_600, whole // 86_400
    if not hours:
        return f"+{minutes} min {whole % 60} s"
    return f"+{hours} h {minutes % 60} min" if not days else f"+{days} d {hours % 24} h"
