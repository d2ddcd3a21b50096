"""Webhooks and their letters, kept beside the log. Takes a connection; never commits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update

from eventstore.schema import webhook_letters as letters
from eventstore.schema import webhooks


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of events, and how far."""

    webhook_id: str
    url: str
    types: tuple[str, ...]
    secret: str
    created_at: str
    created_by: str
    position: int


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that could not be delivered so far, or waits behind such a one of its run."""

    webhook_id: str
    position: int
    run_id: str
    status: str
    attempts: int
    due_at: str
    why: str | None


FIELDS = [webhooks.c[name] for name in Webhook.__slots__]


def keep(connection: Connection, webhook: Webhook) -> None:
    """Keep a new one."""
    connection.execute(
        insert(webhooks).values({**asdict(webhook), "types": orjson.dumps(webhook.types).decode()})
    )


def every(connection: Connection) -> list[tuple[Webhook, Mapping[str, int]]]:
    """All of them, oldest first, each with how many letters it has of each status."""
    counted = select(letters.c.webhook_id, letters.c.status, func.count()).group_by(
        letters.c.webhook_id, letters.c.status
    )
    counts: dict[str, dict[str, int]] = {}
    for webhook_id, status, count in connection.execute(counted):
        counts.setdefault(webhook_id, {})[status] = count
    query = select(*FIELDS).order_by(webhooks.c.created_at, webhooks.c.webhook_id)
    found = [made(row) for row in connection.execute(query)]
    return [(each, counts.get(each.webhook_id, {})) for each in found]


def ids(connection: Connection) -> list[str]:
    """The ids of all of them."""
    return list(connection.execute(select(webhooks.c.webhook_id)).scalars())


def get(connection: Connection, webhook_id: str) -> Webhook | None:
    """The one with this id."""
    row = connection.execute(select(*FIELDS).where(webhooks.c.webhook_id == webhook_id)).first()
    return made(row) if row is not None else None


def drop(connection: Connection, webhook_id: str) -> bool:
    """Let go of one and of its letters; whether there was one."""
    connection.execute(delete(letters).where(letters.c.webhook_id == webhook_id))
    return bool(connection.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id)).rowcount)


def hold(connection: Connection, webhook_id: str, by: str, now: str, until: str) -> bool:
    """Deliver for one until a time, unless another process does."""
    free = or_(webhooks.c.held_by.is_(None), webhooks.c.held_by == by, webhooks.c.held_until < now)
    statement = update(webhooks).where(webhooks.c.webhook_id == webhook_id, free)
    return bool(connection.execute(statement.values(held_by=by, held_until=until)).rowcount)


def let_go(connection: Connection, by: str) -> None:
    """Deliver no longer."""
    connection.execute(update(webhooks).where(webhooks.c.held_by == by).values(held_by=None, held_until=None))


def advance(connection: Connection, webhook_id: str, by: str, position: int) -> bool:
    """Note how far it was told; False where another process delivers by now, or it is gone."""
    mine = and_(webhooks.c.webhook_id == webhook_id, webhooks.c.held_by == by)
    return bool(connection.execute(update(webhooks).where(mine).values(position=position)).rowcount)


def put(connection: Connection, letter: Letter) -> None:
    """Keep a letter, in place of what was kept of it."""
    forget(connection, letter.webhook_id, letter.position)
    connection.execute(insert(letters).values(asdict(letter)))


def forget(connection: Connection, webhook_id: str, position: int) -> None:
    """It was delivered."""
    connection.execute(
        delete(letters).where(letters.c.webhook_id == webhook_id, letters.c.position == position)
    )


def due(connection: Connection, webhook_id: str, now: str) -> Letter | None:
    """The letter to be tried now: the first of its run that waits, and it is time for it."""
    before = letters.alias()
    is_behind = exists().where(
        before.c.webhook_id == letters.c.webhook_id,
        before.c.run_id == letters.c.run_id,
        before.c.status == "waiting",
        before.c.position < letters.c.position,
    )
    query = (
        select(letters)
        .where(letters.c.webhook_id == webhook_id, letters.c.status == "waiting", letters.c.due_at <= now)
        .where(~is_behind)
        .order_by(letters.c.due_at, letters.c.position)
        .limit(1)
    )
    row = connection.execute(query).first()
    return Letter(*row) if row is not None else None


def blocked(connection: Connection, webhook_id: str, run_ids: Sequence[str]) -> set[str]:
    """Those of these runs of which a letter waits."""
    query = select(letters.c.run_id).where(
        letters.c.webhook_id == webhook_id, letters.c.status == "waiting", letters.c.run_id.in_(run_ids)
    )
    return set(connection.execute(query).scalars())


def page(connection: Connection, webhook_id: str, status: str, *, after: int, limit: int) -> list[Letter]:
    """At most `limit` of its letters after a position, in order."""
    query = select(letters).where(letters.c.webhook_id == webhook_id, letters.c.status == status)
    query = query.where(letters.c.position > after).order_by(letters.c.position).limit(limit)
    return [Letter(*row) for row in connection.execute(query)]


def revive(connection: Connection, webhook_id: str, positions: Sequence[int] | None, now: str) -> int:
    """Have dead letters tried again, from the first attempt on: these, or all; how many there were."""
    statement = update(letters).where(letters.c.webhook_id == webhook_id, letters.c.status == "dead")
    if positions is not None:
        statement = statement.where(letters.c.position.in_(positions))
    return connection.execute(statement.values(status="waiting", attempts=0, due_at=now)).rowcount


def made(row: Any) -> Webhook:  # a row of SQLAlchemy
    """A row as a webhook."""
    return Webhook(**{**row._mapping, "types": tuple(orjson.loads(row.types))})  # noqa: SLF001  # its documented name
