"""Where a table and the log part: the event is named that the table has not followed."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Text

import projections
from domain.envelopes import RecordedEvent
from domain.evolve import evolve
from domain.run import Run
from tests.replay.logs import WAITING, Log

STORY = "story-1"
FLAGS = ("held", "preserved", "archived")
"""Columns whose every value is one that they had."""

PROJECTIONS = {each.TABLE.name: each for each in projections.ALL}

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
COMES_AND_GOES = "startable_phases"
"""Its rows never change, and may be gone and there again any number of times; those of others stay."""

every_table = pytest.mark.parametrize("name", [name for name in PROJECTIONS if name != COMES_AND_GOES])


def run_of(name: str) -> str:
    """A run that a table has rows of to its end."""
    return WAITING if name == "quarantine" else STORY


def told(log: Log, projection: ModuleType) -> list[tuple[RecordedEvent, Mapping[Any, Mapping[str, Any]]]]:
    """Every event of a run, and the rows of a table after it, by their keys."""
    run_id = run_of(projection.TABLE.name)
    events = log.run(run_id)
    keys = [column.name for column in projection.TABLE.primary_key]
    runs = list(accumulate(events, evolve, initial=Run(run_id=run_id)))[1:]
    rows = [{tuple(row[key] for key in keys): row for row in projection.rows(run)} for run in runs]
    return list(zip(events, rows, strict=True))


def hold(log: Log, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make these the rows of the run in a table."""
    log.change(f"DELETE FROM {name} WHERE run_id = ?", run_of(name))
    log.insert(name, rows)


@on_sqlite
@every_table
def test_a_table_that_stopped_following_is_told_where(log: Log, name: str) -> None:
    """After whichever version it was: the next event that would have changed it is named."""
    history = told(log, PROJECTIONS[name])
    last = history[-1][1]
    checked = 0
    with log.put_right():
        for number, (_, rows) in enumerate(history):
            if rows == last:
                continue
            with log.unguarded():
                hold(log, name, list(rows.values()))
            next_change = next(event for event, later in history[number + 1 :] if later != rows)
            report = log.verified(run_id=run_of(name))
            assert report.first_bad_position == next_change.position, number
            checked += 1
    assert checked


@on_sqlite
def test_a_row_that_comes_and_goes_is_told_by_the_last_time(log: Log) -> None:
    """After whichever version the table stopped: the event is named since which it is so."""
    history = told(log, PROJECTIONS[COMES_AND_GOES])
    since: dict[Any, int] = {}
    for (_, before), (event, after) in pairwise(history):
        since |= dict.fromkeys(before.keys() ^ after.keys(), event.position)
    checked = 0
    with log.put_right():
        for _, rows in history:
            if wrong := rows.keys() ^ history[-1][1].keys():
                with log.unguarded():
                    hold(log, COMES_AND_GOES, list(rows.values()))
                report = log.verified(run_id=STORY)
                assert report.first_bad_position == min(since[key] for key in wrong)
                checked += 1
    assert checked


@on_sqlite
@every_table
def test_a_value_that_was_made_up_is_told_by_the_right_one(log: Log, name: str) -> None:
    """In whichever column it is: the event is named that gave the value that should be there."""
    projection = PROJECTIONS[name]
    history = told(log, projection)
    key, row = next(iter(history[-1][1].items()))
    with log.put_right():
        for column in projection.TABLE.c:
            if column.primary_key or column.name in FLAGS:
                continue
            made_up = "made up" if isinstance(column.type, Text) else -7
            others = [each for each in history[-1][1].values() if each != row]
            with log.unguarded():
                hold(log, name, [*others, {**row, column.name: made_up}])
            (finding,) = log.verified(run_id=run_of(name)).findings
            gave, value = history[0][0], None
            for event, rows in history:
                after = (rows[key][column.name],) if key in rows else None
                if after != value:
                    gave, value = event, after
            assert (finding.facts["column"], finding.facts["found"]) == (column.name, made_up)
            assert finding.position == gave.position, column.name
