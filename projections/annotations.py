"""The notes on every run and its phases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Integer, Table, Text, select

from domain.described import PHASE_ID, RUN_ID, TIME, described
from domain.events.shared import Id, Label, Time
from domain.run import Annotation, Run
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "annotations",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("version", Integer, primary_key=True, **described("The version of the event that left it.", 7)),
    Column("phase_id", Text, **described("The phase it is about; null: the run.", PHASE_ID, holds=Id)),
    Column("text", Text, nullable=False, **described("The note.", "Completed by hand.")),
    Column(
        "tags", Text, nullable=False, **described("Words to find it by.", ["manual"], as_json=list[Label])
    ),
    Column("actor", Text, nullable=False, **described("Who wrote it.", "ann")),
    Column("at", Text, nullable=False, **described("When it was recorded.", TIME, holds=Time)),
    comment="The notes on runs and phases. They change neither a state nor any figure of failure.",
)

_INSERT = TABLE.insert()


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each note that was not there."""
    if new := [
        row(change.after.run_id, note)
        for change in changes
        for note in change.after.annotations[len(change.before.annotations) :]
    ]:
        yield _INSERT, new


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [row(run.run_id, note) for note in run.annotations]


def row(run_id: str, note: Annotation) -> dict[str, Any]:
    """The row of a note."""
    return {"run_id": run_id, **asdict(note), "tags": orjson.dumps(note.tags).decode()}


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as callers see it."""
    return {**{str(name): row[name] for name in row if name != "run_id"}, "tags": orjson.loads(row["tags"])}


def of_run(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The notes on a run and its phases, in order."""
    query = select(TABLE).where(TABLE.c.run_id == run_id).order_by(TABLE.c.version)
    return [shown(dict(row)) for row in connection.execute(query).mappings()]
