"""What the past of runs can be asked: the face of this package."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection

from api.history.bisect import bisect
from api.history.blame import blame
from api.history.diff import diff_of_runs, diff_of_versions
from api.history.expression import Expression
from api.history.versions import events_until, moment, run_as_it_was


class History:
    """The past of the runs of a ledger."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._reading = reading

    def run(
        self,
        run_id: str,
        *,
        at_version: int | None = None,
        at_time: str | None = None,
        at_position: int | None = None,
    ) -> dict[str, Any]:
        """A run as it was told at a version, or at the last event at or before a time or a position.

        Raises:
            RunNotFound: there is none.
            Quarantined: it had no state then.
            NoSuchVersion: it never came to that version, or begins after that time or position.
            InvalidParameter: more than one moment is named, or the time is none.
        """
        then = moment(at_version, at_time, at_position)
        with self._reading() as connection:
            return run_as_it_was(connection, run_id, **then)

    def diff(
        self,
        run_id: str,
        from_version: int | None = None,
        to_version: int | None = None,
        *,
        other: str | None = None,
    ) -> dict[str, Any]:
        """What leads from one version of a run to another, field by field: see `api.history.diff`.

        With `other`, what is different there: this run at `from_version`, the other at `to_version`, each as
        it stands where that is left out.

        Raises:
            RunNotFound, NoSuchVersion: there is none.
        """
        with self._reading() as connection:
            if other is None or other == run_id:
                return diff_of_versions(connection, run_id, from_version, to_version)
            return diff_of_runs(connection, run_id, from_version, other, to_version)

    def blame(
        self,
        run_id: str,
        field: str | None = None,
        *,
        phase_id: str | None = None,
        at_version: int | None = None,
    ) -> dict[str, Any]:
        """The event that set each field last: see `api.history.blame`.

        Raises:
            RunNotFound, PhaseNotFound, NoSuchVersion, UnknownField: there is none.
        """
        with self._reading() as connection:
            history = events_until(connection, run_id, version=at_version)
        return blame(history, field, phase_id)

    def bisect(self, run_id: str, expr: str) -> dict[str, Any]:
        """The first version of a run at which a JMESPath expression holds: see `api.history.bisect`.

        Raises:
            RunNotFound: there is none.
            InvalidExpression: it cannot be read, makes no sense of the run, or takes too much work.
        """
        expression = Expression(expr)
        with self._reading() as connection:
            history = events_until(connection, run_id)
        return bisect(history, expression)
