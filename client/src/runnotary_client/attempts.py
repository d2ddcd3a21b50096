"""An attempt at a phase: opened on entering, and never left without a word about how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runnotary_client.calls import Call, path_of
from runnotary_client.discovery import HEARTBEAT
from runnotary_client.drivers import Async, Entered, Sync, operation
from runnotary_client.effects import Spawn, Steps, Stop, Wait, send
from runnotary_client.errors import NotFound, RunnotaryError, RunOver, StaleAttempt, Unavailable
from runnotary_client.link import Link, Report
from runnotary_client.proposing import filled, propose

DETAIL_MAX = 4_000
"""Characters of an exception's message that are recorded."""
OUTCOME_MAX = 128
GONE = (StaleAttempt, RunOver, NotFound)
"""What the service says of an attempt that is not the current one any more."""
ENDS_IN = {"phase.completed": "COMPLETE", "phase.failed": "FAILED", "phase.released": "QUEUED"}
RENEWALS = 3
"""How often a lease is renewed while it would last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How an attempt is to be opened."""

    phase: str
    """The phase's id, or its name."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """What the phase is added with, if it is not there."""
    executor: str | None = None
    lease_seconds: int | None = None
    again: bool = False
    number: int = 0
    """Which attempt it is, where it is open already."""


class AttemptCalls(Entered):
    """One try at a phase, and what can be reported of it.

    An exception inside its `with` is recorded as `phase.failed`; leaving without an outcome, or by Ctrl-C,
    `sys.exit` or a cancelled task, as `phase.released`.
    """

    def __init__(
        self,
        link: Link,
        driver: Any,
        run_id: str,
        wanted: Wanted,
        states: dict[str, str | None],
    ) -> None:
        self._link = link
        self._driver = driver
        self._wanted = wanted
        self._states = states
        self._renewal: Any = None
        self.run_id = run_id
        self.phase_id = wanted.phase
        self.number = wanted.number
        """Which try it is, from 1; 0 until it is open."""
        self.is_over = False
        """Whether its outcome was reported."""
        self.lost = False
        """Whether the service said that somebody else has taken the phase up. Stop working then."""
        self.lease_seconds: int | None = None
        """How long the lease lasts that is renewed; None where there is none."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number} of {self.phase_id} in {self.run_id}>"

    @operation
    def submit(self, result: Mapping[str, Any] | None = None) -> Steps[Report]:
        """Hand the work in to be judged."""
        return self._say("phase.submitted", result=result)

    @operation
    def ci_started(self) -> Steps[Report]:
        """Continuous integration runs on the work."""
        return self._say("phase.ci_started")

    @operation
    def revise(self, reason: str | None = None) -> Steps[Report]:
        """The same attempt goes back to work."""
        return self._say("phase.revised", reason=reason)

    @operation
    def complete(self) -> Steps[Report]:
        """The phase is done."""
        return self._end("phase.completed")

    @operation
    def fail(self, outcome: str, detail: str | None = None) -> Steps[Report]:
        """The attempt failed; the outcome is a short code that figures are made of."""
        return self._end("phase.failed", outcome=outcome, detail=detail)

    @operation
    def release(self, why: str | None = None) -> Steps[Report]:
        """Give the phase back without an outcome: another attempt may follow."""
        return self._end("phase.released", why=why)

    @operation
    def usage(
        self,
        *,
        tokens_used: int | None = None,
        ci_runs_used: int | None = None,
        minor_issues: int | None = None,
        major_issues: int | None = None,
    ) -> Steps[Report]:
        """What was spent since it was last reported."""
        spent = {"tokens_used": tokens_used, "ci_runs_used": ci_runs_used}
        return self._say(
            "phase.usage_recorded", **spent, minor_issues=minor_issues, major_issues=major_issues
        )

    @operation
    def result(self, result: Mapping[str, Any]) -> Steps[Report]:
        """Keep a builder's or auditor's result; nothing moves."""
        return self._say("phase.result_recorded", result=result)

    @operation
    def annotate(self, text: str, tags: Sequence[str] | None = None) -> Steps[Report]:
        """Add a note."""
        return self._say("phase.annotated", text=text, tags=list(tags) if tags else None)

    def _say(self, kind: str, **data: Any) -> Steps[Report]:
        try:
            return (
                yield from propose(
                    self._link, self.run_id, kind, data, phase_id=self.phase_id, attempt=self.number
                )
            )
        except GONE:
            self.lost = True
            raise

    def _end(self, kind: str, **data: Any) -> Steps[Report]:
        report = yield from self._say(kind, **data)
        self.is_over = True
        self._states[self.phase_id] = ENDS_IN[kind]
        yield from self._renew_no_more()
        return report

    # --- its beginning and its end ---

    def _entering(self) -> Steps[None]:
        if self.number:
            return
        yield from self._link.caught_up()
        phase = yield from self._found()
        self.phase_id = phase["phase_id"]
        if self._wanted.again and phase["state"] == "FAILED":
            yield from propose(self._link, self.run_id, "phase.requeued", {}, phase_id=self.phase_id)
        seconds = self._wanted.lease_seconds
        if seconds is not None and not (yield from self._link.discovery.offers(HEARTBEAT)):
            seconds = None  # a service that keeps no leases would take the word and never let it run out
        data = {"executor": self._wanted.executor or self._link.actor, "lease_seconds": seconds}
        path = path_of("runs", self.run_id, "events")
        body = {"type": "phase.started", "phase_id": self.phase_id, "data": filled(data)}
        # Where it is EXECUTING, that may be by a start of ours whose answer was lost; else any such is over.
        starting = self._link.proposal(path, body, self.run_id)
        started = yield from self._link.open(starting, anew=phase["state"] != "EXECUTING")
        yield from self.opened(started.body["event"]["attempt"], seconds)

    def opened(self, number: int, lease_seconds: int | None) -> Steps[None]:
        """The attempt is open: its lease is renewed from now on."""
        self.number = number
        self.lease_seconds = lease_seconds
        if lease_seconds is not None:
            self._renewal = yield Spawn(self._renewing(lease_seconds))

    def _leaving(self, error: BaseException | None) -> Steps[None]:
        yield from self._renew_no_more()
        if self.is_over or self.lost or not self.number:
            return
        try:
            match error:
                case None:
                    yield from self._end("phase.released", why="left without an outcome")
                case Exception():
                    outcome = type(error).__name__[:OUTCOME_MAX]
                    yield from self._end(
                        "phase.failed", outcome=outcome, detail=str(error)[:DETAIL_MAX] or None
                    )
                case _:
                    yield from self._end("phase.released", why=type(error).__name__)
        except RunnotaryError as unrecorded:
            if error is None and not self.lost:
                raise
            if error is not None:
                error.add_note(f"How the attempt ended could not be recorded: {unrecorded}")

    def _found(self) -> Steps[Mapping[str, Any]]:
        """The phase that is meant, by its id or its name; added where there is none."""
        link, word = self._link, self._wanted.phase
        answer = yield from link.ask(
            Call(method="GET", path=path_of("runs", self.run_id), run_id=self.run_id)
        )
        link.repeats.saw(self.run_id, answer.body["version"])
        phases: list[dict[str, Any]] = answer.body["phases"]
        self._states.update({phase["phase_id"]: phase["state"] for phase in phases})
        for field_name in ("phase_id", "name"):
            meant = [phase for phase in phases if phase[field_name] == word]
            if len(meant) == 1:
                return meant[0]
        body = {"phase_id": word, **self._wanted.described}
        path = path_of("runs", self.run_id, "phases")
        added = yield from link.ask(link.proposal(path, body, self.run_id))
        made: Mapping[str, Any] = added.body
        self._states[made["phase_id"]] = made["state"]
        return made

    # --- its lease ---

    def _renewing(self, seconds: int) -> Steps[None]:
        """Renew the lease until it is stopped, or taken away."""
        path = path_of("runs", self.run_id, "phases", self.phase_id, "heartbeat")
        body = {"attempt": self.number}
        # A probe: a lease may be shorter than the time for which nothing else is sent.
        call = Call(method="POST", path=path, body=body, run_id=self.run_id, is_probe=True)
        while True:
            yield Wait(seconds / RENEWALS)
            try:
                yield from send(call, patiently=False)
            except Unavailable:
                continue  # it may come back before the lease runs out
            except RunnotaryError as error:
                self.lost = isinstance(error, GONE) and not self.is_over
                return

    def _renew_no_more(self) -> Steps[None]:
        if self._renewal is not None:
            renewal, self._renewal = self._renewal, None
            yield Stop(renewal)


class Attempt(AttemptCalls, Sync):
    """One try at a phase."""


class AsyncAttempt(AttemptCalls, Async):
    """One try at a phase, to be awaited."""
