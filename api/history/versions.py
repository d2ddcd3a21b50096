"""A run as it was: the events up to a version, a time or a position, and what they make of it."""

from typing import Any

from sqlalchemy import Connection

from api.history.refusals import NoSuchVersion
from api.http_refusals import InvalidParameter
from api.missing import run_not_found
from api.views import run_view
from domain.envelopes import RecordedEvent
from domain.evolve import fold
from domain.judge import quarantined
from domain.times import normalised
from eventstore import store
from projections import runs


def moment(version: int | None, time: str | None, position: int | None) -> dict[str, Any]:
    """The one of these that is named, by its name; the time as all times are kept.

    Raises:
        InvalidParameter: more than one is named, or the time is none.
    """
    asked = {"version": version, "time": time, "position": position}
    named = {name: value for name, value in asked.items() if value is not None}
    if len(named) > 1:
        one_of = "name only one of at_version, at_time and at_position"
        raise InvalidParameter([{"in": "query", "name": f"at_{name}", "detail": one_of} for name in named])
    if time is not None:
        try:
            named["time"] = normalised(time)
        except ValueError as error:
            detail = f"{error}; in a URL, + is written %2B"
            raise InvalidParameter([{"in": "query", "name": "at_time", "detail": detail}]) from None
    return named


def run_as_it_was(connection: Connection, run_id: str, **until: Any) -> dict[str, Any]:
    """What was answered to whoever asked for the run then; `until` as in `events_until`.

    Raises:
        RunNotFound, NoSuchVersion: there is none, or it was not there yet.
        Quarantined: it had no state then.
    """
    run = fold(events_until(connection, run_id, **until))
    assert run is not None  # noqa: S101  # there are events
    if run.state is None:
        raise quarantined(run)
    return run_view(run)


def events_until(
    connection: Connection,
    run_id: str,
    *,
    version: int | None = None,
    time: str | None = None,
    position: int | None = None,
) -> list[RecordedEvent]:
    """The events of a run up to a version, or to the last one at or before a time or a position.

    Where none is named, all of them.

    Raises:
        RunNotFound: there is no such run.
        NoSuchVersion: it never came to this version, or begins after this time or position.
    """
    found = store.read_run_until(connection, run_id, version=version, time=time, position=position)
    if not found or (version is not None and len(found) < version):
        raise no_such_version(connection, run_id, version=version, time=time, position=position)
    return found


def no_such_version(connection: Connection, run_id: str, **asked: Any) -> Exception:
    """The refusal, with which versions there are."""
    run = runs.get(connection, run_id)
    if run is None:
        return run_not_found(connection, run_id)
    (first,) = store.page_of_run(connection, run_id, after_version=0, limit=1)
    return NoSuchVersion(
        run_id,
        current_version=run["version"],
        first_at=first.recorded_at,
        last_at=run["updated_at"],
        first_position=first.position,
        last_position=run["position"],
        **asked,
    )
