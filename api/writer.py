"""The one connection of this process that writes, and the transactions that it makes.

A transaction is first tried on trust: that the log ends where this process left it, and that runs stand as
it remembers them. The database proves that or refuses (`eventstore.guards`): a position or a version that is
not the next means that somebody else wrote. What no constraint can prove, such as a refusal or an answer
given again, is decided a second time, on what is read under the lock.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.book import Book, Unproven
from api.commands import Waiting
from api.settings import Settings
from api.unavailable import DatabaseBusy, DatabaseDown, DatabaseUnfit, OutcomeUnknown, Unavailable
from domain.refusals import Refusal
from domain.run import Run
from eventstore.database import lock_writers
from eventstore.statements import pipelined
from eventstore.store import Tail

HELD = ("55P03", "40P01")
"""The SQLSTATEs of PostgreSQL when lock_timeout has passed, and when others waited for what we held."""

INSUFFICIENT_PRIVILEGE = "42501"
"""The SQLSTATE of PostgreSQL when the role may not do something."""

CONNECTION_LOST = ("08", "57P")
"""The SQLSTATEs of PostgreSQL when the connection or the server ended: classes 08 and 57P."""


@dataclass
class Writer:
    """Writes what is asked for; one thread at a time."""

    engine: Engine
    settings: Settings
    now: Callable[[], datetime]
    appended: Callable[[int], None]
    """Told where the log ends, after each commit that appended to it."""
    _connection: Connection | None = None
    _runs: OrderedDict[str, Run] = field(default_factory=OrderedDict)
    _tail: Tail | None = None
    """Where the log ended when this process last looked."""
    _alone: bool = False
    """Whether nobody else wrote between the last two looks."""

    def write(self, batch: Sequence[Waiting]) -> None:
        """Decide these in one transaction and commit it. On any error nothing is recorded, or nobody knows.

        Raises:
            Unavailable: the database could not take it now.
            Exception: a defect; nothing was recorded.
        """
        try:
            if self._alone and self._tail is not None:
                try:
                    self._attempt(batch, self._tail)
                except Unproven:
                    self._alone = False
                else:
                    return
            self._attempt(batch, None)
        except Exception as error:
            self._forget()
            raise unavailable(error) or error from error

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, batch: Sequence[Waiting], trusted: Tail | None) -> None:
        if self._connection is None:
            self._connection = self.engine.connect()
        connection = self._connection
        transaction = connection.begin()
        try:
            if trusted is None:
                lock_writers(connection)
            longest = self.settings.lease_seconds_max
            book = Book(connection, self._runs, self.now(), trusted, longest)
            for waiting in batch:
                decide(book, waiting)
            if book.is_empty:
                transaction.rollback()
            else:
                self._finish(connection, transaction, book, is_trusting=trusted is not None)
        except BaseException:
            with suppress(Exception):  # what is on its way says more than a rollback that fails too
                transaction.rollback()
            raise
        self._alone = book.found == self._tail
        self._tail = book.tail
        self._remember(book.runs)
        if book.tail.position > book.found.position:
            self.appended(book.tail.position)

    def _finish(
        self, connection: Connection, transaction: RootTransaction, book: Book, *, is_trusting: bool
    ) -> None:
        """Write and commit, in one round trip where the driver can."""
        is_committing = False
        try:
            with pipelined(connection):
                if is_trusting:
                    lock_writers(connection)
                book.write(self.settings.refusals_max)
                is_committing = True
                connection.connection.commit()
            transaction.commit()  # nothing is left to commit; SQLAlchemy has to know
        except Exception as error:
            driver = driver_error(error)
            if is_trusting and isinstance(driver, (sqlite3.IntegrityError, psycopg.IntegrityError)):
                raise Unproven from error
            if is_committing and may_be_committed(driver):
                raise OutcomeUnknown from error
            raise

    def _remember(self, runs: dict[str, Run]) -> None:
        self._runs.update(runs)
        for run_id in runs:
            self._runs.move_to_end(run_id)
        while len(self._runs) > self.settings.runs_cached_max:
            self._runs.popitem(last=False)

    def _forget(self) -> None:
        """Trust nothing that was known before an error."""
        self._runs.clear()
        self._tail, self._alone = None, False
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def decide(book: Book, waiting: Waiting) -> None:
    """Decide one command; a refusal is an answer too."""
    waiting.outcome = waiting.error = None
    try:
        waiting.outcome = book.judge(waiting.command)
    except Refusal as refusal:
        waiting.error = refusal


def driver_error(error: Exception) -> BaseException:
    """The driver's own error, where SQLAlchemy has wrapped it."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def may_be_committed(error: BaseException) -> bool:
    """Whether a transaction whose COMMIT ended in this error may be in the database all the same.

    It is not where the database itself said no to it or to a statement sent with it; where the connection
    was lost, or the disk failed while it was written, nobody knows.
    """
    if isinstance(error, sqlite3.Error):
        return not getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_FULL"))
    state = getattr(error, "sqlstate", None)
    return state is None or state.startswith(CONNECTION_LOST)


def unavailable(error: Exception) -> Unavailable | None:
    """What an error of the database means to a caller; None when it means a defect of ours."""
    if isinstance(error, Unavailable):
        return error
    driver = driver_error(error)
    name = getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None) or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or name in HELD:
        return DatabaseBusy()
    if name == INSUFFICIENT_PRIVILEGE:
        return DatabaseUnfit(
            "The role of this service lacks rights that it needs: run `runnotary db harden`."
        )
    if isinstance(driver, (sqlite3.OperationalError, psycopg.OperationalError)):
        return DatabaseDown()
    return None


@contextmanager
def told_if_unavailable() -> Iterator[None]:
    """An error of the database as what it means to a caller.

    Raises:
        Unavailable: the database cannot be used now.
    """
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseBusy from error
    except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
        raise unavailable(error) or error from error
