"""The clients: where an executor begins."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx2

from runnotary_client import feed, tracing
from runnotary_client.attempts import AsyncAttempt, Attempt, AttemptCalls, Wanted
from runnotary_client.awaiting import Awaiting
from runnotary_client.blocking import Blocking
from runnotary_client.calls import Call, path_of
from runnotary_client.discovery import CLAIMS
from runnotary_client.drivers import Async, Entered, Sync, iteration, operation
from runnotary_client.effects import Close, Steps
from runnotary_client.link import Delivery, Link, Report
from runnotary_client.proposing import filled, propose
from runnotary_client.runs import AsyncRun, Run, RunCalls
from runnotary_client.shapes import NewPhase, NewTier, RunShown
from runnotary_client.spool import Spool
from runnotary_client.wire import Patience, no_address

A = TypeVar("A", bound=AttemptCalls)
X = TypeVar("X", httpx2.BaseTransport, httpx2.AsyncBaseTransport)
R = TypeVar("R", bound="RunCalls[Any]")

PATIENT = Patience()
URL = "http://127.0.0.1:8000"


class ClientCalls(Entered, Generic[R, A, X]):
    """A service, and what can be asked of it. Safe to share between threads.

    The service is at `url`, else at RUNNOTARY_SERVER, else on this machine. `actor` is who reports, by their
    own word. `traceparent` ties to a trace what no tracer does. `patience` is how long a call is tried.

    With `spool`, reports that cannot be delivered are kept in that file, and delivered in order when the
    service is back: before the next report, on entering and on leaving this client, or by
    `runnotary-client spool deliver`.
    """

    _run_kind: type[R]
    _attempt_kind: type[A]
    _driver_kind: Callable[[Link, X | None], Any]

    def __init__(
        self,
        url: str | None = None,
        *,
        actor: str | None = None,
        spool: str | Path | None = None,
        traceparent: str | None = None,
        patience: Patience = PATIENT,
        transport: X | None = None,
    ) -> None:
        self._link = Link(
            url=(url or os.environ.get("RUNNOTARY_SERVER") or URL).rstrip("/"),
            actor=actor,
            traceparent=traceparent or tracing.made(),
            spool=Spool(spool) if spool is not None else None,
            patience=patience,
        )
        try:
            self._driver = self._driver_kind(self._link, transport)
        except httpx2.InvalidURL as error:
            raise no_address(self._link.url) from error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._link.url}>"

    def run(
        self,
        run_id: str | None = None,
        *,
        goal: str | None = None,
        phases: Iterable[NewPhase] | None = None,
        labels: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        tiers: Iterable[NewTier] | None = None,
    ) -> R:
        """A run, for a `with`: entering it creates it, or takes it up where its run_id is there already.

        With a run_id and nothing else it is only taken up: NotFound where it is not there.
        """
        described = {
            "goal": goal,
            "phases": phases and list(phases),
            "labels": labels,
            "config": config,
            "tiers": tiers and list(tiers),
        }
        new = filled(described)
        if not new and run_id is None:
            raise TypeError("run() needs a goal for a new run, or the run_id of one that is there")
        if new and run_id is not None:
            new["run_id"] = run_id
        return self._run_kind(self._link, self._driver, new, run_id)

    @operation
    def show(self, run_id: str) -> Steps[RunShown]:
        """A run with its phases, as it stands."""
        call = Call(method="GET", path=path_of("runs", run_id), run_id=run_id)
        shown: RunShown = (yield from self._link.ask(call)).body
        self._link.repeats.saw(run_id, shown["version"])
        return shown

    @operation
    def propose(
        self,
        run_id: str,
        kind: str,
        *,
        phase_id: str | None = None,
        attempt: int | None = None,
        data: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
        key: str | None = None,
    ) -> Steps[Report]:
        """Have an event recorded."""
        return propose(
            self._link, run_id, kind, data or {},
            phase_id=phase_id, attempt=attempt, expected_version=expected_version, key=key,
        )  # fmt: skip

    @operation
    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Steps[Any]:
        """Read anything that the service tells: `client.get("/v1/runs/nightly/moves")`."""
        return (yield from self._link.ask(Call(method="GET", path=path, params=params or {}))).body

    @operation
    def claim(
        self, *, executor: str, lease_seconds: int, labels: Mapping[str, str] | None = None
    ) -> Steps[A | None]:
        """Open an attempt at the phase that has waited longest, in any run with these labels.

        None where none waits. Its lease is renewed from now on; use it in a `with`, so that it is ended too.
        """
        yield from self._link.caught_up()
        yield from self._link.discovery.need(CLAIMS, "hand out phases")
        body = {"executor": executor, "lease_seconds": lease_seconds, "labels": labels}
        answer = yield from self._link.open(self._link.proposal(CLAIMS[1], body, None))
        if answer.body is None:
            return None
        phase = answer.body["phase"]
        wanted = Wanted(phase=phase["phase_id"], executor=executor)
        attempt = self._attempt_kind(self._link, self._driver, phase["run_id"], wanted, {})
        yield from attempt.opened(phase["attempt"], answer.body["lease"]["lease_seconds"])
        return attempt

    @operation
    def deliver(self, *, refused_ones: bool = False) -> Steps[Delivery]:
        """Deliver what waits in the spool, now; if that is said, ask again for what was refused from it."""
        return self._link.deliver(refused_ones=refused_ones)

    @iteration
    def follow(
        self, after: int | None = None, *, run_id: str | None = None, types: Collection[str] | None = None
    ) -> Steps[None]:
        """Every event behind this position, in order and once, and those to come; left out: from now on.

        It goes on across lost connections and restarts of the service. Keep the position of the last event
        that was dealt with, to go on behind it.
        """
        return feed.follow(self._link, after, run_id, types)

    @operation
    def close(self) -> Steps[None]:
        """Let go of every connection."""
        yield Close()

    def _entering(self) -> Steps[None]:
        yield from self._link.deliver()

    def _leaving(self, error: BaseException | None) -> Steps[None]:
        if error is None:
            yield from self._link.deliver()
        yield Close()


class Client(ClientCalls[Run, Attempt, httpx2.BaseTransport], Sync):
    """A service, for programs that wait for what it says."""

    _run_kind = Run
    _attempt_kind = Attempt
    _driver_kind = Blocking


class AsyncClient(ClientCalls[AsyncRun, AsyncAttempt, httpx2.AsyncBaseTransport], Async):
    """A service, for programs that await what it says."""

    _run_kind = AsyncRun
    _attempt_kind = AsyncAttempt
    _driver_kind = Awaiting
