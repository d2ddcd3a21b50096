"""What a ledger can be asked to replay: the face of this package."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import Engine, func, select

from api.missing import run_not_found
from api.replay.rebuild import rebuild
from api.replay.refusals import ReplayUnderWay
from api.replay.report import Steps
from api.replay.verify import knows, verify
from api.writer import told_if_unavailable
from eventstore.database import open_to_read, reading
from eventstore.seals import Seal
from projections import ALL


class Replay:
    """The log of a ledger replayed; one replay at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._alone = Lock()

    def projections(self) -> list[dict[str, Any]]:
        """The tables made from the log: name, version of its shape, number of rows.

        Raises:
            Unavailable: the database cannot be read now.
        """
        with told_if_unavailable(), reading(self._engine) as connection:
            return [
                {
                    "name": each.TABLE.name,
                    "version": each.VERSION,
                    "rows": connection.execute(select(func.count()).select_from(each.TABLE)).scalar_one(),
                }
                for each in ALL
            ]

    def verify(self, *, since: int = 0, run_id: str | None = None, kept: Sequence[Seal] = ()) -> Steps:
        """Prove the record: how far it is, and in the end what was found. See `api.replay.verify`.

        Raises:
            RunNotFound: the run that is named was never there.
            ReplayUnderWay: this ledger is at another replay.
            Unavailable: the database cannot be read now.
        """
        with self._one_at_a_time(), told_if_unavailable():
            engine = open_to_read(self._engine.url.render_as_string(hide_password=False))
            try:
                if run_id is not None and not knows(engine, run_id):
                    with reading(engine) as connection:
                        raise run_not_found(connection, run_id)
                yield from verify(engine, since=since, run_id=run_id, kept=kept)
            finally:
                engine.dispose()

    def rebuild(self, names: Sequence[str] | None = None) -> Steps:
        """Make projections anew: how far it is, and in the end what was found. See `api.replay.rebuild`.

        Raises:
            ReplayUnderWay: this ledger is at another replay.
            RebuildTakenOver: another process began to rebuild meanwhile.
            TablesInUse, OwnerNeeded: the tables cannot be replaced.
            Unavailable: the database cannot be used for it now.
        """
        with self._one_at_a_time(), told_if_unavailable():
            yield from rebuild(self._engine, names)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._alone.acquire(blocking=False):
            raise ReplayUnderWay
        try:
            yield
        finally:
            self._alone.release()
