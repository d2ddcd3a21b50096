"""What is different between two versions of a run, or between two runs."""

from typing import Any

from sqlalchemy import Connection

from api.history.fields import changes, flatten
from api.history.versions import events_until, no_such_version
from api.views import brief_view, run_view
from domain.evolve import fold
from domain.run import Run


def diff_of_versions(
    connection: Connection, run_id: str, from_version: int | None, to_version: int | None
) -> dict[str, Any]:
    """What leads from one version of a run to another, field by field, and the events between them.

    `to_version` left out means now, `from_version` the one before that. Version 0 is before its first event.
    They may be in any order.

    Raises:
        RunNotFound, NoSuchVersion: there is none.
    """
    last = None if to_version is None else max(1, to_version, from_version or 0)
    history = events_until(connection, run_id, version=last)
    to = len(history) if to_version is None else to_version
    start = max(0, to - 1) if from_version is None else from_version
    for version in (start, to):
        if not 0 <= version <= len(history):
            raise no_such_version(connection, run_id, version=version)
    low, high = sorted((start, to))
    older = fold(history[:low])
    newer = fold(history[low:high], older)
    one, other = (older, newer) if start <= to else (newer, older)
    between = [brief_view(event) for event in history[low:high]]
    return told(run_id, one, run_id, other) | {"events": between}


def diff_of_runs(
    connection: Connection, run_id: str, version: int | None, other_id: str, other_version: int | None
) -> dict[str, Any]:
    """What is different in another run, field by field; each at a version, or as it stands.

    Raises:
        RunNotFound, NoSuchVersion: there is none.
    """
    one = run_at(connection, run_id, version)
    other = run_at(connection, other_id, other_version)
    return told(run_id, one, other_id, other) | {"events": None}


def run_at(connection: Connection, run_id: str, version: int | None) -> Run | None:
    """A run at a version; None at version 0."""
    last = 1 if version == 0 else version
    return fold(events_until(connection, run_id, version=last)[:version])


def told(run_id: str, one: Run | None, other_id: str, other: Run | None) -> dict[str, Any]:
    """Two sides, and what leads from one to the other; None is a run before its first event."""
    before, after = (flatten(run_view(run)) if run is not None else {} for run in (one, other))
    return {
        "from": side(run_id, one),
        "to": side(other_id, other),
        "changes": [
            {"field": change.field, "from": change.before, "to": change.after, "kind": change.kind}
            for change in changes(before, after)
        ],
    }


def side(run_id: str, run: Run | None) -> dict[str, Any]:
    """Which run at which version."""
    if run is None:
        return {"run_id": run_id, "version": 0, "state": None, "recorded_at": None}
    return {"run_id": run_id, "version": run.version, "state": run.state, "recorded_at": run.updated_at}
