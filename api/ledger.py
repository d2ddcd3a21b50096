"""The Ledger: open a database, propose events, read what came of them.

The Python face of the service; HTTP and the command line are made of it. What it takes and gives are plain
values in the shapes of the HTTP interface.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from api import commands, figures
from api.approvals import Approvals
from api.audit import story_of
from api.checks import require, unopened
from api.commands import NOBODY, Asked, Outcome
from api.committer import Committer
from api.feeds.feeds import Feeds
from api.history.history import History
from api.leases.leases import Leases
from api.missing import run_not_found
from api.notary import Notary, signer_of
from api.prepare import prepare
from api.repairs.repairs import Repairs
from api.replay.replay import Replay
from api.settings import Settings
from api.turns import Turns
from api.views import event_view, moves_view, refusal_view
from api.webhooks.webhooks import Webhooks
from api.writer import Writer, told_if_unavailable
from domain import proposals
from domain.envelopes import RecordedEvent
from domain.evolve import fold
from domain.judge import quarantined
from domain.naming import is_id
from domain.refusals import InvalidBody, PhaseNotFound
from domain.rehearsal import Rehearsal, rehearse
from domain.run import Run
from domain.times import stamp
from eventstore import store
from eventstore.database import UnusableDatabase, open_engine, reading
from eventstore.seals import Seal, Signer
from eventstore.snapshot import Snapshot
from eventstore.store import ALL, Wanted
from projections import annotations, finding, phases, runs


class Ledger:
    """A database of runs. Safe to share between threads."""

    def __init__(self, engine: Engine, settings: Settings, signer: Signer | None = None) -> None:
        self.engine = engine
        self.settings = settings
        turns = Turns()
        self.history = History(self.reading)
        self.replay = Replay(engine)
        self.notary = Notary(engine, settings, now, signer, turns)
        self.feeds = Feeds(engine, self.reading, settings)
        self.webhooks = Webhooks(engine, self.reading, now, turns)
        self.committer = Committer(Writer(engine, settings, now, self._appended), settings, turns)
        self.repairs = Repairs(self.reading, self.committer, two_persons=settings.repair_two_persons)
        self.leases = Leases(engine, self.committer, settings, now, turns)
        self.approvals = Approvals(self.reading, self.committer, now)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """Open the database, bring it up to date if that is wanted, and see that it is in order.

        Raises:
            UnusableDatabase, UnusableKey: it is not; the message is one line that says what to do.
        """
        settings = settings or Settings()
        signer = signer_of(settings)
        engine = open_engine(settings.database_url)
        try:
            if settings.migrate:
                prepare(engine)
            require(engine)
        except (DBAPIError, sqlite3.Error) as error:
            engine.dispose()
            raise UnusableDatabase(unopened(engine, error)) from error
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, settings, signer)

    def close(self) -> None:
        """Record what waits, seal what was appended, and let go of the database."""
        self.leases.watch.close()
        self.committer.close()
        self.notary.close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- propose ---

    def create_run(self, body: Mapping[str, Any], asked: Asked = NOBODY) -> Outcome:
        """Create a run with its phases: `{run_id?, goal?, state?, config?, labels?, tiers?, phases?}`.

        Raises:
            Refusal: it was not created.
        """
        return self.committer.commit(commands.creation(body, asked))

    def add_phase(self, run_id: str, body: Mapping[str, Any], asked: Asked = NOBODY) -> Outcome:
        """Add a phase to a run: `{phase_id?, name?, tier_id?, scope?, max_attempts?}`.

        Raises:
            Refusal: it was not added.
        """
        return self.committer.commit(commands.addition(run_id, body, asked))

    def propose(self, run_id: str, body: Mapping[str, Any], asked: Asked = NOBODY) -> Outcome:
        """Propose one event: `{type, phase_id?, attempt?, data?, event_id?, expected_version?, …}`.

        Raises:
            Refusal: it was not recorded.
        """
        return self.committer.commit(commands.proposal(run_id, body, asked))

    def propose_all(self, bodies: Sequence[Mapping[str, Any]], asked: Asked = NOBODY) -> Outcome:
        """Propose events that are recorded whole or not at all; each names its run.

        Raises:
            Refusal: none of them was recorded.
        """
        return self.committer.commit(commands.atomic(bodies, asked))

    # --- read ---

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent picture of the database.

        Raises:
            Unavailable: the database cannot be read now.
        """
        with told_if_unavailable(), reading(self.engine) as connection:
            yield connection

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as it stands, with its phases and notes; `history` has it as it was.

        Raises:
            RunNotFound: there is none.
            Quarantined: it has no state until it is repaired.
        """
        with self.reading() as connection:
            found = runs.get(connection, run_id)
            if found is None:
                raise run_not_found(connection, run_id)
            if found["state"] is None:
                raise quarantined(self._fold(connection, run_id))
            found["phases"] = phases.of_run(connection, run_id)
            found["annotations"] = annotations.of_run(connection, run_id)
        return found

    def has_run(self, run_id: str) -> bool:
        """Whether there is such a run."""
        with self.reading() as connection:
            return is_id(run_id) and runs.get(connection, run_id) is not None

    def runs(
        self, *, before: tuple[str, str] | None = None, limit: int, **wanted: Any
    ) -> list[dict[str, Any]]:
        """Runs, newest first, from before a (created_at, run_id): see `projections.finding.Wanted`."""
        with self.reading() as connection:
            return finding.page(connection, finding.Wanted(**wanted), before=before, limit=limit)

    def figures(self, asked: figures.Asked = figures.EVERYTHING) -> dict[str, Any]:
        """How runs stand, and what happened to them: see `docs/reference/figures.md`."""
        with self.reading() as connection:
            return figures.figures(connection, asked)

    def phase(self, run_id: str, phase_id: str) -> dict[str, Any]:
        """A phase as it stands.

        Raises:
            RunNotFound, PhaseNotFound: there is none.
            Quarantined: it has no state until it is repaired.
        """
        with self.reading() as connection:
            found = phases.get(connection, run_id, phase_id)
            if found is None:
                if runs.get(connection, run_id) is None:
                    raise run_not_found(connection, run_id)
                there = [phase["phase_id"] for phase in phases.of_run(connection, run_id)]
                raise PhaseNotFound(run_id, phase_id, get_close_matches(phase_id, there))
            if found["state"] is None:
                raise quarantined(self._fold(connection, run_id), phase_id)
        return found

    def folded(self, run_id: str) -> Run:
        """A run as the log makes it.

        Raises:
            RunNotFound: there is none.
        """
        with self.reading() as connection:
            return self._fold(connection, run_id)

    @staticmethod
    def _fold(connection: Connection, run_id: str) -> Run:
        run = fold(store.read_run(connection, run_id))
        if run is None:
            raise run_not_found(connection, run_id)
        return run

    def moves(self, run_id: str, *, to: str | None = None, phase_id: str | None = None) -> dict[str, Any]:
        """What is legal now for a run and its phases; with `to`, the shortest legal path to a state.

        Raises:
            RunNotFound, PhaseNotFound, UnknownState: there is no such thing.
        """
        return moves_view(self.folded(run_id), to=to, phase_id=phase_id)

    def audit(self, run_id: str, *, phase_id: str | None = None) -> dict[str, Any]:
        """The story of a run: what happened, what was refused, its attempts, its time in each state.

        Raises:
            RunNotFound, PhaseNotFound: there is none.
        """
        with self.reading() as connection:
            history = store.read_run(connection, run_id)
            if not history:
                raise run_not_found(connection, run_id)
            return story_of(connection, history, phase_id)

    def dry_run(self, run_id: str, body: Mapping[str, Any]) -> Rehearsal:
        """What would come of proposals: `{events, at_version?, atomic?}`. Nothing is recorded.

        Raises:
            RunNotFound: there is none, and at_version is not 0.
            InvalidBody, InvalidId, UnknownEvent: it cannot be understood as a whole, or the run has not come
                to that version.
        """
        wanted = proposals.dry_run(body)
        asked = list(proposals.to_rehearse(wanted, run_id))
        with self.reading() as connection:
            history = store.read_run(connection, run_id)
            if not history and wanted.at_version != 0:
                raise run_not_found(connection, run_id)
        if wanted.at_version is not None and wanted.at_version > len(history):
            detail = f"the run has not come to it yet: it is at version {len(history)}"
            raise InvalidBody([{"pointer": "/at_version", "detail": detail}])
        run = fold(history[: wanted.at_version]) or Run(run_id=run_id)
        at = max(stamp(datetime.now(UTC)), run.updated_at or "")
        return rehearse(run, asked, at=at, atomic=wanted.atomic)

    def events_of(self, run_id: str, *, after_version: int, limit: int) -> list[dict[str, Any]]:
        """The events of a run after a version.

        Raises:
            RunNotFound: there is none.
        """
        with self.reading() as connection:
            found = store.page_of_run(connection, run_id, after_version=after_version, limit=limit)
            if not found and runs.get(connection, run_id) is None:
                raise run_not_found(connection, run_id)
        return [event_view(event) for event in found]

    def log(
        self, *, after: int, limit: int, wanted: Wanted = ALL, newest: bool = False
    ) -> list[RecordedEvent]:
        """The wanted events after a position, in commit order: the first of them, or the newest.

        Raises:
            RunNotFound: a run is wanted that is not there.
        """
        read = store.newest if newest else store.read_log
        with self.reading() as connection:
            found = read(connection, after=after, limit=limit, wanted=wanted)
            if not found and wanted.run_id is not None and runs.get(connection, wanted.run_id) is None:
                raise run_not_found(connection, wanted.run_id)
        return found

    def snapshot(self, run_id: str | None = None) -> Snapshot:
        """The log as it stands now, or one run of it, to be read from end to end.

        Raises:
            RunNotFound: there is no such run.
        """
        taken = Snapshot.of(self.reading, run_id)
        if run_id is not None and not taken.total:
            with self.reading() as connection:
                raise run_not_found(connection, run_id)
        return taken

    def seals(self, *, after: int, limit: int) -> list[Seal]:
        """The seals after a number, in order."""
        with self.reading() as connection:
            return store.page_of_seals(connection, after=after, limit=limit)

    def refusals(self, *, run_id: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
        """What was refused and why, newest first.

        Raises:
            RunNotFound: a run is named that never was, and of which nothing was refused.
        """
        with self.reading() as connection:
            found = store.page_of_refusals(connection, run_id=run_id, before=before, limit=limit)
            if not found and run_id is not None and runs.get(connection, run_id) is None:
                raise run_not_found(connection, run_id)
        return [refusal_view(refusal) for refusal in found]

    def _appended(self, position: int) -> None:
        """The log ends here now."""
        self.notary.appended(position)
        self.feeds.bell.ring(position)


def now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)
