"""A run: created or taken up on entering, and the phases worked on in it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, Literal, TypeVar

from runnotary_client.attempts import AsyncAttempt, Attempt, AttemptCalls, Wanted
from runnotary_client.calls import Call, path_of
from runnotary_client.drivers import Async, Entered, Sync, operation
from runnotary_client.effects import Steps
from runnotary_client.errors import AlreadyExists, IllegalMove, RunOver, Unavailable
from runnotary_client.link import Link, Report
from runnotary_client.proposing import filled, propose
from runnotary_client.shapes import Phase, RunShown

A = TypeVar("A", bound=AttemptCalls)

TO_EXECUTION = {
    "QUEUED": ("run.created", "run.execution_started"),
    "PLAN_BOOTSTRAP": ("run.created", "run.execution_started"),
    "RUN_CREATED": ("run.execution_started",),
    "PHASE_QUEUEING": ("run.execution_started",),
}
"""What lets phases start, by the state that a run is in; in other states they may, or never will."""

SETTLED = {"COMPLETE", "SKIPPED"}

Failure = Literal["budget_exhausted", "policy_violation", "requires_human_review", "environment"]


class RunCalls(Entered, Generic[A]):
    """A run, and what can be reported of it.

    Entering it creates it or takes it up, and starts its execution. Leaving it without an exception records
    `run.succeeded` if it was opened with a goal and all its phases are settled; else nothing: an exception
    that leaves a run says nothing about the run itself, which others may go on with.
    """

    _attempt_kind: type[A]

    def __init__(self, link: Link, driver: Any, new: Mapping[str, Any], run_id: str | None) -> None:
        self._link = link
        self._driver = driver
        self._new = new
        self._states: dict[str, str | None] = {}
        """The states of its phases, as last seen and as reported since."""
        self.run_id = run_id or ""
        """Its id; made by the service where none was given, on entering."""
        self.state: str | None = None
        """Its state, as last seen."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.run_id or '(not there yet)'}>"

    def phase(
        self,
        phase: str,
        *,
        name: str | None = None,
        tier_id: str | None = None,
        scope: Mapping[str, Any] | None = None,
        max_attempts: int | None = None,
        executor: str | None = None,
        lease_seconds: int | None = None,
        again: bool = False,
    ) -> A:
        """An attempt at the phase of this id or name; entering it starts it.

        A phase that is not there is added, with what is said here about it. `again` queues a phase anew that
        has failed. With `lease_seconds` the service gives the phase to others once this process is silent
        for so long; it is renewed in the background meanwhile.
        """
        described = {"name": name, "tier_id": tier_id, "scope": scope, "max_attempts": max_attempts}
        wanted = Wanted(
            phase=phase,
            described=filled(described),
            executor=executor,
            lease_seconds=lease_seconds,
            again=again,
        )
        return self._attempt_kind(self._link, self._driver, self.run_id, wanted, self._states)

    def attempt(self, phase_id: str, number: int) -> A:
        """An attempt that is open already, to go on with: after a restart, say."""
        wanted = Wanted(phase=phase_id, number=number)
        return self._attempt_kind(self._link, self._driver, self.run_id, wanted, self._states)

    @operation
    def show(self) -> Steps[RunShown]:
        """The run with its phases, as it stands."""
        shown: RunShown = yield from self._read()
        return shown

    @operation
    def add_phase(
        self,
        phase_id: str | None = None,
        *,
        name: str | None = None,
        tier_id: str | None = None,
        scope: Mapping[str, Any] | None = None,
        max_attempts: int | None = None,
    ) -> Steps[Phase]:
        """Add a phase, to be worked on later; its id is made from its name where none is given."""
        body = {"phase_id": phase_id, "name": name, "tier_id": tier_id, "scope": scope}
        call = self._link.proposal(
            path_of("runs", self.run_id, "phases"), body | {"max_attempts": max_attempts}, self.run_id
        )
        added: Phase = (yield from self._link.ask(call)).body
        self._states[added["phase_id"]] = added["state"]
        return added

    @operation
    def skip(self, phase_id: str, reason: str) -> Steps[Report]:
        """A phase will not be done."""
        return propose(self._link, self.run_id, "phase.skipped", {"reason": reason}, phase_id=phase_id)

    @operation
    def requeue(
        self, phase_id: str, *, replan: bool | None = None, reason: str | None = None
    ) -> Steps[Report]:
        """A failed phase waits for another attempt."""
        data = {"replan": replan, "reason": reason}
        return propose(self._link, self.run_id, "phase.requeued", data, phase_id=phase_id)

    @operation
    def succeed(self) -> Steps[Report]:
        """The run is done; every phase has to be settled."""
        return self._say("run.succeeded")

    @operation
    def fail(self, failure: Failure, reason: str | None = None) -> Steps[Report]:
        """The run has failed; its open attempts fail with it."""
        return self._say(f"run.failed_{failure}", reason=reason)

    @operation
    def annotate(self, text: str, tags: Sequence[str] | None = None) -> Steps[Report]:
        """Add a note."""
        return self._say("run.annotated", text=text, tags=list(tags) if tags else None)

    @operation
    def label(self, labels: Mapping[str, str]) -> Steps[Report]:
        """Set labels."""
        return self._say("run.labelled", labels=labels)

    @operation
    def usage(
        self,
        *,
        tokens_used: int | None = None,
        ci_runs_used: int | None = None,
        minor_issues: int | None = None,
        major_issues: int | None = None,
    ) -> Steps[Report]:
        """What was spent for no phase in particular, since it was last reported."""
        spent = {"tokens_used": tokens_used, "ci_runs_used": ci_runs_used}
        return self._say("run.usage_recorded", **spent, minor_issues=minor_issues, major_issues=major_issues)

    @operation
    def propose(
        self,
        kind: str,
        *,
        phase_id: str | None = None,
        attempt: int | None = None,
        data: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
        key: str | None = None,
    ) -> Steps[Report]:
        """Any event that has no method of its own."""
        return propose(
            self._link, self.run_id, kind, data or {},
            phase_id=phase_id, attempt=attempt, expected_version=expected_version, key=key,
        )  # fmt: skip

    def _say(self, kind: str, **data: Any) -> Steps[Report]:
        report = yield from propose(self._link, self.run_id, kind, data)
        if report.answer is not None:
            self.state = report.answer["run"]["state"]
        return report

    def _read(self) -> Steps[Any]:
        call = Call(method="GET", path=path_of("runs", self.run_id), run_id=self.run_id)
        shown = (yield from self._link.ask(call)).body
        self._link.repeats.saw(self.run_id, shown["version"])
        self.state = shown["state"]
        self._states.update({phase["phase_id"]: phase["state"] for phase in shown["phases"]})
        return shown

    # --- its beginning and its end ---

    def _entering(self) -> Steps[None]:
        yield from self._link.caught_up()
        if self._new:
            try:
                new = self._link.proposal("/v1/runs", self._new, self.run_id or None)
                made = yield from self._link.open(new)
                self.run_id, self.state = made.body["run_id"], made.body["state"]
                self._states.update({phase["phase_id"]: phase["state"] for phase in made.body["phases"]})
            except AlreadyExists:
                yield from self._read()
        else:
            yield from self._read()
        while self.state in TO_EXECUTION:
            before = self.state
            try:
                for kind in TO_EXECUTION[self.state]:
                    yield from self._open_by(kind)
            except IllegalMove:
                yield from self._read()
                if self.state == before:
                    raise  # nobody else was faster

    def _open_by(self, kind: str) -> Steps[None]:
        call = self._link.proposal(path_of("runs", self.run_id, "events"), {"type": kind}, self.run_id)
        self.state = (yield from self._link.ask(call)).body["run"]["state"]

    def _leaving(self, error: BaseException | None) -> Steps[None]:
        if error is not None or not self._new:
            return
        with suppress(Unavailable):  # then what was seen last has to do; the service judges it later
            yield from self._link.caught_up()
            yield from self._read()
        is_done = bool(self._states) and set(self._states.values()) <= SETTLED
        if is_done and not (self.state or "").startswith("DONE_"):
            # Somebody else may have added a phase, or ended it, meanwhile.
            with suppress(IllegalMove, RunOver):
                yield from self._say("run.succeeded")


class Run(RunCalls[Attempt], Sync):
    """A run."""

    _attempt_kind = Attempt


class AsyncRun(RunCalls[AsyncAttempt], Async):
    """A run, to be awaited."""

    _attempt_kind = AsyncAttempt
