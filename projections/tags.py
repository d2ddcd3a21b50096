"""The tags of the notes on every run and its phases, to find runs by them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Index, Select, Table, Text, select

from domain.described import RUN_ID, described
from domain.events.shared import Id, Label
from domain.run import Annotation, Run
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "run_tags",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("tag", Text, primary_key=True, **described("A tag of a note.", "manual", holds=Label)),
    comment="The tags of the notes on a run and its phases, to find runs by.",
)
Index(None, TABLE.c.tag)

_INSERT = TABLE.insert()


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each tag that the notes of its run did not have: notes are never taken away."""
    new = []
    for change in changes:
        before, after = change.before.annotations, change.after.annotations
        if came := tags_of(after[len(before) :]):
            had = tags_of(before)
            new += [{"run_id": change.after.run_id, "tag": tag} for tag in came if tag not in had]
    if new:
        yield _INSERT, new


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [{"run_id": run.run_id, "tag": tag} for tag in tags_of(run.annotations)]


def tags_of(notes: Iterable[Annotation]) -> dict[str, None]:
    """The tags of these notes, each once."""
    return dict.fromkeys(tag for note in notes for tag in note.tags)


def runs_with(tag: str) -> Select[tuple[str]]:
    """The ids of runs with a note that has this tag."""
    return select(TABLE.c.run_id).where(TABLE.c.tag == tag)
