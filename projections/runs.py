"""Every run as it stands."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    func,
    or_,
    select,
)

from domain.run import Run
from projections import labels
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    # Plain text: reading a state that this program does not know must not raise.
    Column("state", Text),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("goal", Text),
    Column("config", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("tiers", Text, nullable=False),
    Column("tokens_used", BigInteger, nullable=False),
    Column("ci_runs_used", BigInteger, nullable=False),
    Column("minor_issues", BigInteger, nullable=False),
    Column("major_issues", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("preserved", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("started_at", Text),
    Column("completed_at", Text),
    Column("head_hash", Text, nullable=False),
)
Index(None, TABLE.c.created_at, TABLE.c.run_id)
Index(None, TABLE.c.state, TABLE.c.created_at)

USAGE = ("tokens_used", "ci_runs_used", "minor_issues", "major_issues")
DOCUMENTS = ("config", "labels", "tiers")
FLAGS = ("held", "preserved", "archived")

_INSERT = TABLE.insert()
_UPDATE = (
    TABLE.update()
    .where(TABLE.c.run_id == bindparam("key"))
    .values({column.name: bindparam(column.name) for column in TABLE.c if column.name != "run_id"})
)


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each run."""
    rows = [(change.is_new, row(change.after)) for change in changes]
    if new := [row for is_new, row in rows if is_new]:
        yield _INSERT, new
    if changed := [{**row, "key": row["run_id"]} for is_new, row in rows if not is_new]:
        yield _UPDATE, changed


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [row(run)]


def row(run: Run) -> dict[str, Any]:
    """The row of a run."""
    tiers = [{**tier, "state": run.tier_state(tier["tier_id"])} for tier in run.tiers]
    return {
        "run_id": run.run_id,
        "state": run.state,
        "version": run.version,
        "position": run.position,
        "goal": run.goal,
        "config": orjson.dumps(run.config).decode(),
        "labels": orjson.dumps(dict(run.labels), option=orjson.OPT_SORT_KEYS).decode(),
        "tiers": orjson.dumps(tiers).decode(),
        **run.usage.counts(),
        "held": run.held,
        "preserved": run.preserved,
        "archived": run.archived,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "head_hash": run.head_hash,
    }


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as callers see it."""
    view = {str(name): value for name, value in row.items() if name not in USAGE}
    view |= {name: orjson.loads(row[name]) for name in DOCUMENTS}
    view |= {name: bool(row[name]) for name in FLAGS}
    return view | {"usage": {name: row[name] for name in USAGE}}


def get(connection: Connection, run_id: str) -> dict[str, Any] | None:
    """A run as it stands."""
    found = connection.execute(select(TABLE).where(TABLE.c.run_id == run_id)).mappings().first()
    return shown(dict(found)) if found is not None else None


def count(connection: Connection) -> int:
    """How many runs there are, without archived ones."""
    query = select(func.count()).select_from(TABLE).where(TABLE.c.archived.is_(False))
    return int(connection.execute(query).scalar_one())


def newest(connection: Connection) -> Any:  # a column may hold anything
    """The greatest position of an event that the table has seen; None when it is empty."""
    return connection.execute(select(func.max(TABLE.c.position))).scalar_one()


def ids_starting_with(connection: Connection, text: str, limit: int | None = None) -> set[str]:
    """Ids of runs that start with this text; at most the newest `limit`."""
    query = select(TABLE.c.run_id).where(TABLE.c.run_id.startswith(text, autoescape=True))
    return set(connection.execute(query.order_by(TABLE.c.created_at.desc()).limit(limit)).scalars())


def page(  # noqa: PLR0913  # the filters of the list, all named
    connection: Connection,
    *,
    states: Sequence[str] = (),
    labels_wanted: Sequence[tuple[str, str | None]] = (),
    text: str | None = None,
    archived: bool | None = False,
    before: tuple[str, str] | None = None,
    offset: int = 0,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` runs, newest first, from before a (created_at, run_id), or from a place on.

    `labels_wanted` are names and values, None standing for any value; all of them have to be there.
    `text` is looked for in ids and goals. `archived` None means both.
    """
    query = select(TABLE).order_by(TABLE.c.created_at.desc(), TABLE.c.run_id.desc()).limit(limit)
    query = query.offset(offset)
    if states:
        query = query.where(TABLE.c.state.in_(states))
    if archived is not None:
        query = query.where(TABLE.c.archived.is_(archived))
    if text:
        query = query.where(
            or_(
                TABLE.c.run_id.icontains(text, autoescape=True), TABLE.c.goal.icontains(text, autoescape=True)
            )
        )
    for name, value in labels_wanted:
        query = query.where(TABLE.c.run_id.in_(labels.runs_with(name, value)))
    if before is not None:
        at, run_id = before
        query = query.where(
            or_(TABLE.c.created_at < at, (TABLE.c.created_at == at) & (TABLE.c.run_id < run_id))
        )
    return [shown(dict(row)) for row in connection.execute(query).mappings()]
