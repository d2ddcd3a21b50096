"""The proposals of repairs, kept beside the log. Takes a connection; never commits.

What became of an approved one is in the log, with all that led to it: nothing is lost with this table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from domain.repairs import Repair
from eventstore.schema import events, repairs
from eventstore.statements import Write

FLAGS = ("proposed_by_verified", "decided_by_verified")
DECISION = ("status", "decided_by", "decided_by_verified", "decided_at", "decided_why", "event_version")

_KEEP = insert(repairs)
_DECIDE = (
    update(repairs)
    .where(repairs.c.repair_id == bindparam("key"))
    .values({name: bindparam(name) for name in DECISION})
)


class Kept(NamedTuple):
    """A repair, and what was shown to whoever proposed it."""

    repair: Repair
    preview: Mapping[str, Any]
    current_version: int
    """The version that its run is at now."""

    @property
    def is_out_of_date(self) -> bool:
        """Whether it waits for a decision, and its run has moved on."""
        return self.repair.status == "proposed" and self.current_version != self.repair.version


def to_keep(repair: Repair, preview: Mapping[str, Any]) -> Write:
    """What keeps a new proposal."""
    row = asdict(repair) | {
        "evidence": orjson.dumps(repair.evidence).decode(),
        "preview": orjson.dumps(preview).decode(),
    }
    return _KEEP, [row]


def to_decide(*decided: Repair) -> Write:
    """What keeps the decisions on proposals."""
    rows = [{"key": each.repair_id, **{name: getattr(each, name) for name in DECISION}} for each in decided]
    return _DECIDE, rows


def get(connection: Connection, repair_id: str) -> Kept | None:
    """The repair with this id."""
    row = connection.execute(_with_version().where(repairs.c.repair_id == repair_id)).mappings().first()
    return kept(dict(row)) if row is not None else None


def page(
    connection: Connection,
    *,
    status: str | None = None,
    run_id: str | None = None,
    finding: str | None = None,
    before: tuple[str, str] | None = None,
    limit: int,
) -> list[Kept]:
    """At most `limit` repairs, newest first, from before a (proposed_at, repair_id); all filters hold."""
    wanted = ((repairs.c.status, status), (repairs.c.run_id, run_id), (repairs.c.finding, finding))
    query = (
        _with_version()
        .where(*(column == value for column, value in wanted if value is not None))
        .order_by(repairs.c.proposed_at.desc(), repairs.c.repair_id.desc())
        .limit(limit)
    )
    if before is not None:
        at, repair_id = before
        same = and_(repairs.c.proposed_at == at, repairs.c.repair_id < repair_id)
        query = query.where(or_(repairs.c.proposed_at < at, same))
    return [kept(dict(row)) for row in connection.execute(query).mappings()]


def waiting(connection: Connection, run_ids: Sequence[str]) -> dict[tuple[str, str | None], list[str]]:
    """The ids of the proposals for these runs that may still be approved, by run and phase."""
    query = _with_version().where(repairs.c.run_id.in_(run_ids), repairs.c.status == "proposed")
    found: dict[tuple[str, str | None], list[str]] = {}
    for row in connection.execute(query.order_by(repairs.c.proposed_at)).mappings():
        if row["version"] == row["current_version"]:
            found.setdefault((row["run_id"], row["phase_id"]), []).append(row["repair_id"])
    return found


def _with_version() -> Any:  # a query of all columns, and one
    version = select(func.max(events.c.version)).where(events.c.run_id == repairs.c.run_id).scalar_subquery()
    return select(repairs, version.label("current_version"))


def kept(row: Mapping[str, Any]) -> Kept:
    """A row as what it stands for."""
    told = {field.name: row[field.name] for field in fields(Repair)}
    told["evidence"] = orjson.loads(told["evidence"])
    told |= {name: bool(told[name]) for name in FLAGS if told[name] is not None}
    return Kept(Repair(**told), orjson.loads(row["preview"]), row["current_version"])
