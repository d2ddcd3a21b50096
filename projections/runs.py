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
    select,
)

from domain.described import HASH, RUN_ID, TIME, Hash, described
from domain.events.shared import Id, RunConfig, Tier, Time
from domain.run import DEFAULT_CONFIG, Run
from domain.states import RunState, TierState
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 2


class TierHeld(Tier):
    """A tier as the table holds it."""

    state: TierState


TABLE = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    # Plain text: reading a state that this program does not know must not raise.
    Column(
        "state",
        Text,
        **described("As it stands; null: it is quarantined.", "PHASE_EXECUTION", holds=RunState),
    ),
    Column("version", Integer, nullable=False, **described("The version of its last event.", 4)),
    Column("position", BigInteger, nullable=False, **described("The position of its last event.", 17)),
    Column("goal", Text, **described("What it is to reach.", "Predict output sizes")),
    Column(
        "config",
        Text,
        nullable=False,
        **described("The limits and the profile it works under.", DEFAULT_CONFIG, as_json=RunConfig),
    ),
    Column("token_cap", BigInteger, nullable=False, **described("Of its config, for sums.", 5_000_000)),
    Column(
        "labels",
        Text,
        nullable=False,
        **described("Its labels.", {"team": "core"}, as_json=dict[str, str]),
    ),
    Column(
        "tiers",
        Text,
        nullable=False,
        **described(
            "Its tiers; the state of each is derived from its phases.",
            [{"tier_id": "T1", "name": "Foundation", "state": "IN_PROGRESS"}],
            as_json=list[TierHeld],
        ),
    ),
    Column("tokens_used", BigInteger, nullable=False, **described("Tokens spent so far.", 41_000)),
    Column("ci_runs_used", BigInteger, nullable=False, **described("Runs of CI so far.", 1)),
    Column("minor_issues", BigInteger, nullable=False, **described("Minor issues so far.", 2)),
    Column("major_issues", BigInteger, nullable=False, **described("Major issues so far.", 0)),
    Column("held", Boolean, nullable=False, **described("Whether no phase starts.", example=False)),
    Column("preserved", Boolean, nullable=False, **described("Whether it stays in sight.", example=False)),
    Column("preserved_why", Text, **described("Why it stays in sight.", "the baseline of November")),
    Column(
        "archived", Boolean, nullable=False, **described("Whether it is out of default lists.", example=False)
    ),
    Column("created_at", Text, nullable=False, **described("When its first event came.", TIME, holds=Time)),
    Column("updated_at", Text, nullable=False, **described("When its last event came.", TIME, holds=Time)),
    Column("started_at", Text, **described("When it first executed.", TIME, holds=Time)),
    Column("completed_at", Text, **described("When it came to the DONE_* state it is in.", TIME, holds=Time)),
    Column("head_hash", Text, nullable=False, **described("The hash of its last event.", HASH, holds=Hash)),
    comment="Every run as it stands.",
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
        "token_cap": run.config["token_cap"],
        "labels": orjson.dumps(dict(run.labels), option=orjson.OPT_SORT_KEYS).decode(),
        "tiers": orjson.dumps(tiers).decode(),
        **run.usage.counts(),
        "held": run.held,
        "preserved": run.preserved,
        "preserved_why": run.preserved_why,
        "archived": run.archived,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "head_hash": run.head_hash,
    }


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as callers see it."""
    view = {str(name): value for name, value in row.items() if name not in (*USAGE, "token_cap")}
    view |= {name: orjson.loads(row[name]) for name in DOCUMENTS}
    view |= {name: bool(row[name]) for name in FLAGS}
    return view | {"usage": {name: row[name] for name in USAGE}}


def get(connection: Connection, run_id: str) -> dict[str, Any] | None:
    """A run as it stands."""
    found = connection.execute(select(TABLE).where(TABLE.c.run_id == run_id)).mappings().first()
    return shown(dict(found)) if found is not None else None


def newest(connection: Connection) -> Any:  # a column may hold anything
    """The greatest position of an event that the table has seen; None when it is empty."""
    return connection.execute(select(func.max(TABLE.c.position))).scalar_one()


def ids_starting_with(connection: Connection, text: str, limit: int | None = None) -> set[str]:
    """Ids of runs that start with this text; at most the newest `limit`."""
    query = select(TABLE.c.run_id).where(TABLE.c.run_id.startswith(text, autoescape=True))
    return set(connection.execute(query.order_by(TABLE.c.created_at.desc()).limit(limit)).scalars())
