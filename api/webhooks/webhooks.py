"""What a ledger can be asked about webhooks: the face of this package."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from uuid_utils import uuid7

from api.turns import Turns
from api.webhooks.message import new_secret
from api.webhooks.refusals import WebhookNotFound
from api.webhooks.wanted import NewWebhook, Resend
from api.writer import told_if_unavailable
from domain import proposals
from domain.proposals import validated
from domain.times import stamp
from eventstore import store
from eventstore import webhooks as kept
from eventstore.webhooks import Letter, Webhook

Reading = Callable[[], AbstractContextManager[Connection]]


class Webhooks:
    """Who is told of events."""

    def __init__(self, engine: Engine, reading: Reading, now: Callable[[], datetime], turns: Turns) -> None:
        self._engine = engine
        self._turns = turns
        self.reading = reading
        self.now = now

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction.

        Raises:
            Unavailable: the database cannot be written now.
        """
        with told_if_unavailable(), self._turns, self._engine.begin() as connection:
            yield connection

    def add(self, body: Mapping[str, Any], actor: str) -> dict[str, Any]:
        """Add one: `{url, types?, after?}`. Its secret is told here and never again.

        Raises:
            InvalidBody, UnknownEvent: it cannot be one.
        """
        wanted = validated(NewWebhook, body)
        for kind in wanted.types:
            proposals.known_event(kind)
        with self.writing() as connection:
            after = store.tail(connection).position if wanted.after is None else wanted.after
            webhook = Webhook(
                f"wh-{uuid7().hex}",
                str(wanted.url),
                tuple(wanted.types),
                new_secret(),
                stamp(self.now()),
                actor,
                after,
            )
            kept.keep(connection, webhook)
        return view(webhook, {}) | {"secret": webhook.secret}

    def every(self) -> list[dict[str, Any]]:
        """All of them, oldest first."""
        with self.reading() as connection:
            return [view(*each) for each in kept.every(connection)]

    def ids(self) -> list[str]:
        """The ids of all of them."""
        with self.reading() as connection:
            return kept.ids(connection)

    def get(self, webhook_id: str) -> dict[str, Any]:
        """One of them.

        Raises:
            WebhookNotFound: there is none.
        """
        found = next((each for each in self.every() if each["webhook_id"] == webhook_id), None)
        if found is None:
            raise WebhookNotFound(webhook_id)
        return found

    def remove(self, webhook_id: str) -> None:
        """Let go of one and of its letters.

        Raises:
            WebhookNotFound: there is none.
        """
        with self.writing() as connection:
            if not kept.drop(connection, webhook_id):
                raise WebhookNotFound(webhook_id)

    def letters(self, webhook_id: str, status: str, *, after: int, limit: int) -> list[dict[str, Any]]:
        """What could not be delivered, in the order of the log.

        Raises:
            WebhookNotFound: there is none.
        """
        with self.reading() as connection:
            if kept.get(connection, webhook_id) is None:
                raise WebhookNotFound(webhook_id)
            found = kept.page(connection, webhook_id, status, after=after, limit=limit)
            return letters_view(connection, found)

    def resend(self, webhook_id: str, body: Mapping[str, Any]) -> int:
        """Have dead letters tried again: `{positions?}`; how many there were.

        Raises:
            InvalidBody: it cannot be understood.
            WebhookNotFound: there is none.
        """
        wanted = validated(Resend, body)
        with self.writing() as connection:
            if kept.get(connection, webhook_id) is None:
                raise WebhookNotFound(webhook_id)
            return kept.revive(connection, webhook_id, wanted.positions, stamp(self.now()))


def view(webhook: Webhook, letters: Mapping[str, int]) -> dict[str, Any]:
    """A webhook as callers see it: without its secret."""
    return {
        "webhook_id": webhook.webhook_id,
        "url": webhook.url,
        "types": list(webhook.types),
        "position": webhook.position,
        "waiting": letters.get("waiting", 0),
        "dead": letters.get("dead", 0),
        "created_at": webhook.created_at,
        "created_by": webhook.created_by,
    }


def letters_view(connection: Connection, letters: Sequence[Letter]) -> list[dict[str, Any]]:
    """Letters as callers see them."""
    events = store.at(connection, [each.position for each in letters])
    types = {event.position: event.type for event in events}
    return [
        {
            "position": each.position,
            "run_id": each.run_id,
            "type": types[each.position],
            "status": each.status,
            "attempts": each.attempts,
            "due_at": each.due_at,
            "why": each.why,
        }
        for each in letters
    ]
