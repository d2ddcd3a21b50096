"""What a ledger can be asked about leases: the face of this package."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine

from api import commands
from api.book import Book
from api.commands import NOBODY, Asked, Outcome
from api.committer import Committer
from api.leases.claims import claim
from api.leases.outstanding import Outstanding, forget_what_is_over, outstanding
from api.leases.wanted import Heartbeat
from api.leases.watch import Watch
from api.missing import run_not_found
from api.settings import Settings
from api.turns import Turns
from api.unavailable import DatabaseBusy
from api.writer import told_if_unavailable
from domain.envelopes import Origin, Proposal
from domain.events.phase import PhaseReleased
from domain.evolve import fold
from domain.judge import blocker, judge_heartbeat
from domain.naming import valid_ids
from domain.proposals import validated
from domain.run import Lease
from domain.times import stamp
from domain.values import keep
from eventstore import heartbeats, store
from eventstore.database import lock_leases, reading
from projections import phases

SERVICE = Asked(origin=Origin(actor="runnotary", actor_verified=True))
"""The service itself, which releases what is not heard of."""


class Leases:
    """Who works on what, and until when."""

    def __init__(
        self,
        engine: Engine,
        committer: Committer,
        settings: Settings,
        now: Callable[[], datetime],
        turns: Turns,
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._settings = settings
        self._now = now
        # PostgreSQL takes heartbeats beside commits; SQLite has one writer at a time.
        self._turns = turns if engine.dialect.name == "sqlite" else nullcontext()
        self.watch = Watch(self.outstanding, self.release, self._tidy, settings.lease_check_seconds)

    def claim(self, body: Mapping[str, Any], asked: Asked = NOBODY) -> Outcome:
        """Open an attempt at the phase that has waited longest: `{executor, lease_seconds, labels?}`.

        The outcome is empty where no phase may start.

        Raises:
            Refusal: it cannot be understood, or recorded.
        """
        return self._committer.commit(claim(body, asked, self._settings.lease_seconds_max))

    async def claim_soon(self, body: Mapping[str, Any], asked: Asked) -> Outcome:
        """As `claim`, without holding up the event loop."""
        return await self._committer.commit_soon(claim(body, asked, self._settings.lease_seconds_max))

    def renew(self, run_id: str, phase_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Note a heartbeat, `{attempt}`: the lease runs from now on. Nothing of it is in the log.

        Raises:
            StaleAttempt: the attempt is over, or another one is open; the heartbeat came too late.
            RunTerminal: a repair has ended the run; nobody can report on the attempt.
            NoLease: the attempt has no lease.
            RunNotFound, PhaseNotFound, Quarantined, InvalidBody, InvalidId: there is nothing to renew.
        """
        keep(body)
        valid_ids(run_id, phase_id)
        attempt = validated(Heartbeat, body).attempt
        with told_if_unavailable(), self._turns, self._engine.begin() as connection:
            lock_leases(connection, shared=True)
            leased = phases.lease(connection, run_id, phase_id, attempt)
            if leased is None:
                run = fold(store.read_run(connection, run_id))
                if run is None:
                    raise run_not_found(connection, run_id)
                judge_heartbeat(run, phase_id, attempt)
                raise DatabaseBusy  # it got its lease between these two looks
            at = stamp(self._now())
            heartbeats.beat(connection, run_id, phase_id, attempt, at)
        return {
            "run_id": run_id,
            "phase_id": phase_id,
            "attempt": attempt,
            "executor": leased.executor,
            "lease_seconds": leased.lease_seconds,
            "expires_at": Lease(leased.lease_seconds, leased.leased_at).expires_at(at),
        }

    def outstanding(self) -> list[Outstanding]:
        """The leases that are out, the one that runs out first before the others."""
        with told_if_unavailable(), reading(self._engine) as connection:
            return outstanding(connection)

    def views(self, *, overdue: bool | None = None) -> list[dict[str, Any]]:
        """The leases that are out, as callers see them; if it is said, those that are overdue, or not."""
        now = stamp(self._now())
        found = [each.view(now) for each in self.outstanding()]
        return [each for each in found if overdue in (None, each["overdue"])]

    def release(self, lease: Outstanding) -> None:
        """Record that an attempt is lost, unless its executor was heard of, or it ended, meanwhile."""
        phase = {"run_id": lease.run_id, "phase_id": lease.phase_id, "attempt": lease.attempt}
        self._committer.commit(commands.planned_in(partial(released, lease), phase, SERVICE))

    def _tidy(self) -> None:
        with told_if_unavailable(), self._turns, self._engine.begin() as connection:
            forget_what_is_over(connection)


def released(lease: Outstanding, book: Book) -> Sequence[Proposal]:
    """The release of an attempt, if its lease is still out and nothing was heard of its executor since."""
    book.read_under_lock()
    lock_leases(book.connection)
    run = book.run(lease.run_id)
    phase = run.phases.get(lease.phase_id)
    if phase is None or (phase.attempt, phase.lease) != (lease.attempt, lease.lease):
        return []
    last = heartbeats.last(book.connection, *lease.attempt_key)
    if (last.beats if last else 0) != lease.beats or blocker(run, "phase.released", phase.phase_id):
        return []
    heard = f"the last heartbeat came at {lease.heartbeat_at}" if last else "no heartbeat came"
    why = f"its lease of {lease.lease.seconds} s ran out at {lease.expires_at}; {heard}."
    event = PhaseReleased(why=why)
    return [Proposal(run_id=run.run_id, event=event, phase_id=phase.phase_id, attempt=phase.attempt)]
