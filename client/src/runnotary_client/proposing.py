"""A proposed event, as a call."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from runnotary_client.calls import path_of
from runnotary_client.effects import Steps
from runnotary_client.errors import Unavailable
from runnotary_client.link import Link, Report


def propose(
    link: Link,
    run_id: str,
    kind: str,
    data: Mapping[str, Any],
    *,
    phase_id: str | None = None,
    attempt: int | None = None,
    expected_version: int | None = None,
    key: str | None = None,
) -> Steps[Report]:
    """Have an event recorded, or kept where there is a spool.

    A caller's own key means the same after a restart; so no time is sent with it that would be another then.

    Raises:
        NotSupported: the service knows no such event.
        Refused: no.
        Unavailable: neither yes nor no, and there is no spool.
    """
    with suppress(Unavailable):  # the proposal itself will tell, or be kept
        yield from link.discovery.need_event(kind, patiently=False)
    body = {
        "type": kind,
        "phase_id": phase_id,
        "attempt": attempt,
        "data": filled(data) or None,
        "occurred_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if key is None else None,
        "expected_version": expected_version,
    }
    call = link.proposal(path_of("runs", run_id, "events"), body, run_id, key)
    report = yield from link.report(call)
    if report.answer is not None:
        link.repeats.saw(run_id, report.answer["run"]["version"])
    return report


def filled(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is said; None says nothing."""
    return {name: value for name, value in data.items() if value is not None}
