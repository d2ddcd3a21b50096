"""Delivery: each webhook is told of the events that it wants, those of a run in their order.

One process at a time delivers for a webhook; it says so in the database, again before each message, and when
it does not for `HOLD_SECONDS`, another takes over from the place that was noted. What was sent in between
without being noted is sent again, under the same id.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NamedTuple, TypeVar

import structlog
from anyio import to_thread
from sqlalchemy import Connection
from uuid_utils import uuid7

from api.feeds.feeds import Feeds
from api.settings import Settings
from api.unavailable import Unavailable
from api.webhooks.message import body_of, headers_of
from api.webhooks.sending import Sender
from api.webhooks.webhooks import Webhooks
from domain.envelopes import RecordedEvent
from domain.times import stamp
from eventstore import store
from eventstore import webhooks as kept
from eventstore.store import Wanted
from eventstore.webhooks import Letter, Webhook

T = TypeVar("T")

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""Seconds between looks for webhooks that were added, and for letters that it is time for."""

EVENTS_AT_ONCE = 50
CHARS_AT_ONCE = 262_144

PASSED_MAX = 1_000
"""Unwanted events after which it is noted that they were passed: else each would cost a write."""


class Work(NamedTuple):
    """What is next for a webhook: a letter to be tried again, or events that are new to it."""

    webhook: Webhook
    letter: Letter | None
    events: list[RecordedEvent]
    blocked: set[str]
    """Runs of which a letter waits: their next events wait behind it."""
    place: int
    is_last: bool


class Delivery:
    """Delivers for as long as it runs, in a process that serves."""

    def __init__(self, webhooks: Webhooks, feeds: Feeds, settings: Settings) -> None:
        self._webhooks = webhooks
        self._feeds = feeds
        self._settings = settings
        self._me = uuid7().hex
        self._sender = Sender(allow_private=settings.webhook_private, seconds=settings.webhook_seconds)
        self._hold_seconds = 3 * settings.webhook_seconds

    async def run(self) -> None:
        """Deliver until the service goes down, or this is cancelled."""
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with self._feeds.watched():
                while not self._feeds.is_closing:
                    seen = self._feeds.bell.position
                    await self._start(tasks)
                    await self._feeds.bell.wait(seen, LOOK_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            await self._sender.close()
            with suppress(Unavailable):
                await self._in_thread(partial(self._write, lambda c: kept.let_go(c, self._me)))

    async def _start(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        """Look after every webhook that nothing is done for."""
        try:
            for webhook_id in await self._in_thread(self._webhooks.ids):
                if webhook_id not in tasks or tasks[webhook_id].done():
                    tasks[webhook_id] = asyncio.create_task(self._serve(webhook_id))
        except Unavailable:
            pass  # whoever watches the log has told it
        except Exception as error:  # whatever it is, it must not end the delivery
            log.warning("webhooks not delivered", exc_info=error)

    async def _serve(self, webhook_id: str) -> None:
        """Deliver what there is for one webhook."""
        try:
            while (work := await self._in_thread(lambda: self._work(webhook_id))) is not None:
                if not await (self._retry(work, work.letter) if work.letter else self._go_on(work)):
                    return
        except Unavailable as error:
            log.warning("webhook waits for the database", webhook=webhook_id, why=error.detail)
        except Exception as error:  # whatever it is, it is tried again
            log.warning("webhook not delivered", webhook=webhook_id, exc_info=error)

    def _work(self, webhook_id: str) -> Work | None:
        """What is to be done now; None where there is nothing, or another process does it."""
        if self._found(webhook_id) is None:
            return None
        is_mine = self._write(lambda connection: self._hold(connection, webhook_id))
        return self._found(webhook_id) if is_mine else None  # what was found before may be done by another

    def _found(self, webhook_id: str) -> Work | None:
        with self._webhooks.reading() as connection:
            webhook = kept.get(connection, webhook_id)
            if webhook is None:
                return None
            letter = kept.due(connection, webhook_id, stamp(self._webhooks.now()))
            if letter is not None:
                events = store.at(connection, [letter.position])
                return Work(webhook, letter, events, set(), webhook.position, is_last=False)
            stretch = store.read_stretch(
                connection,
                after=webhook.position,
                limit=EVENTS_AT_ONCE,
                chars_max=CHARS_AT_ONCE,
                wanted=Wanted(types=webhook.types),
            )
            blocked = kept.blocked(connection, webhook_id, list({each.run_id for each in stretch.events}))
        if not stretch.events and stretch.place - webhook.position < PASSED_MAX:
            return None
        return Work(webhook, None, list(stretch.events), blocked, stretch.place, stretch.is_last)

    async def _retry(self, work: Work, letter: Letter) -> bool:
        """Try a letter again; whether to go on."""
        why = await self._send(work.webhook, work.events[0])

        def note(connection: Connection) -> bool:
            if not self._hold(connection, letter.webhook_id):
                return False
            if why is None:
                kept.forget(connection, letter.webhook_id, letter.position)
            else:
                kept.put(connection, self._failed(letter, why))
            return True

        return await self._in_thread(partial(self._write, note))

    async def _go_on(self, work: Work) -> bool:
        """Send what is new; whether to go on."""
        webhook_id = work.webhook.webhook_id
        for event in work.events:
            is_behind = event.run_id in work.blocked
            why = None if is_behind else await self._send(work.webhook, event)
            if not await self._in_thread(partial(self._pass, webhook_id, event, why, is_behind=is_behind)):
                return False
            if why is not None:
                work.blocked.add(event.run_id)
        is_mine = await self._in_thread(partial(self._write, partial(self._advance, webhook_id, work.place)))
        return is_mine and not work.is_last

    def _pass(self, webhook_id: str, event: RecordedEvent, why: str | None, *, is_behind: bool) -> bool:
        """Note that an event was delivered, or is a letter now."""
        now = stamp(self._webhooks.now())
        letter = Letter(webhook_id, event.position, event.run_id, "waiting", 0, now, None)

        def note(connection: Connection) -> bool:
            if not self._advance(webhook_id, event.position, connection):
                return False
            if why is not None or is_behind:
                kept.put(connection, letter if why is None else self._failed(letter, why))
            return self._hold(connection, webhook_id)

        return self._write(note)

    def _failed(self, letter: Letter, why: str) -> Letter:
        """A letter after one more attempt."""
        attempts, retries = letter.attempts + 1, self._settings.webhook_retries
        is_dead = attempts > len(retries)
        seconds = 0 if is_dead else retries[attempts - 1]
        due_at = stamp(self._webhooks.now() + timedelta(seconds=seconds))
        status = "dead" if is_dead else "waiting"
        told = {"webhook": letter.webhook_id, "position": letter.position, "status": status}
        log.info("webhook not taken", why=why, **told)
        return Letter(letter.webhook_id, letter.position, letter.run_id, status, attempts, due_at, why[:500])

    async def _send(self, webhook: Webhook, event: RecordedEvent) -> str | None:
        body = body_of(event)
        headers = headers_of(webhook.webhook_id, webhook.secret, event.position, body, self._webhooks.now())
        return await self._sender.send(webhook.url, headers, body)

    def _advance(self, webhook_id: str, position: int, connection: Connection) -> bool:
        return kept.advance(connection, webhook_id, self._me, position)

    def _hold(self, connection: Connection, webhook_id: str) -> bool:
        """Say that this process delivers for it, unless another does."""
        now = self._webhooks.now()
        until = now + timedelta(seconds=self._hold_seconds)
        return kept.hold(connection, webhook_id, self._me, stamp(now), stamp(until))

    def _write(self, what: Callable[[Connection], T]) -> T:
        with self._webhooks.writing() as connection:
            return what(connection)

    async def _in_thread(self, what: Callable[[], T]) -> T:
        return await to_thread.run_sync(what, limiter=self._feeds.threads)
