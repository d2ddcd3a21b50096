"""What a caller asks to have recorded, and what comes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection

from domain import proposals
from domain.envelopes import Origin, Proposal, RecordedEvent
from domain.proposals import Creation
from domain.refusals import Refusal
from domain.run import Run
from eventstore.statements import Write

if TYPE_CHECKING:  # it is made of commands
    from api.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """By whom, and under which key, something is asked for."""

    origin: Origin = field(default_factory=lambda: Origin(actor="anonymous"))
    key: str | None = None
    """Idempotency key: the same request under the same key is recorded once, for ever."""
    request_id: str | None = None


NOBODY = Asked()
"""Somebody who names neither himself nor a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What a request leads to that is about something kept beside the log."""

    proposals: Sequence[Proposal] = ()
    writes: Sequence[Write] = ()
    """To be written in the same transaction, when the proposals are accepted."""


Filing = Callable[[Connection, Run, str], Filed]
"""Judges such a request in the transaction, under the lock: by what is kept, the run, and the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Proposals that are recorded whole or not at all, or a run to create."""

    proposals: Sequence[Proposal] = ()
    creation: Creation | None = None
    plan: Callable[["Book"], Sequence[Proposal]] | None = None
    """Says what to propose, of runs as they stand in the transaction; raises what stands against it all."""
    filing: Filing | None = None
    """Says what to propose, and what to write beside the log; raises what stands against it all."""
    refusal: Refusal | None = None
    """Why it could not even be understood: there is nothing to judge, and it is kept as a refusal."""
    origin: Origin
    raw: Mapping[str, Any] = field(default_factory=dict)
    """As it was sent, to be kept with a refusal and to be compared when its key comes again."""
    key: str | None = None
    run_id: str | None = None
    request_id: str | None = None

    @property
    def keys(self) -> list[str]:
        """Under what it can come again: the caller's key, and the ids of its events."""
        ids = [f"event:{p.event_id}" for p in self.proposals if p.event_id is not None]
        return ([f"key:{self.key}"] if self.key is not None else []) + ids

    @property
    def fingerprint(self) -> str:
        """What tells one request from another."""
        asked: object = self.raw
        if self.creation is None and self.plan is None and self.filing is None:
            asked = [
                (
                    p.run_id,
                    p.type,
                    p.phase_id,
                    p.attempt,
                    p.occurred_at,
                    p.event.model_dump(exclude_unset=True),
                )
                for p in self.proposals
            ]
        return sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A proposal that was accepted: its event, those that it implied, and the run after it."""

    event: RecordedEvent
    implied: Sequence[RecordedEvent]
    run: Run
    replayed: bool = False
    """Whether it had been recorded before, and nothing was now."""
    repeats: bool = False
    """Whether it was recorded for another request than this one, which only reports it once more."""


Outcome = Sequence[Recorded]
"""What came of a command: one entry for each of its proposals; of a creation, one for each event."""


@dataclass(eq=False, slots=True)
class Waiting:
    """A command, and whom to tell what came of it."""

    command: Command
    tell: Callable[["Waiting"], None]
    outcome: Outcome | None = None
    error: Exception | None = None
    is_told: bool = False

    def result(self) -> Outcome:
        """What came of it.

        Raises:
            Refusal: it was refused, or could not be done.
        """
        if self.error is not None:
            raise self.error
        assert self.outcome is not None  # noqa: S101  # told means one of the two
        return self.outcome


def creation(body: Mapping[str, Any], asked: Asked) -> Command:
    """The command that creates a run."""
    try:
        understood = proposals.new_run(body)
    except Refusal as refusal:
        return refused(body, asked, refusal)
    return Command(creation=understood, run_id=understood.run_id, **common(body, asked))


def proposal(run_id: str, body: Mapping[str, Any], asked: Asked) -> Command:
    """The command that records one event."""
    try:
        understood = proposals.proposed_event(body, run_id)
    except Refusal as refusal:
        return refused(body, asked, refusal, run_id)
    return Command(proposals=[understood], run_id=run_id, **common(body, asked))


def addition(run_id: str, body: Mapping[str, Any], asked: Asked, expected: int | None = None) -> Command:
    """The command that adds a phase to a run, which is believed to be at the expected version."""
    try:
        understood = replace(proposals.added_phase(body, run_id), expected_version=expected)
    except Refusal as refusal:
        return refused(body, asked, refusal, run_id)
    return Command(proposals=[understood], run_id=run_id, **common(body, asked))


def atomic(bodies: Sequence[Mapping[str, Any]], asked: Asked) -> Command:
    """The command that records several events or none."""
    body = {"events": list(bodies)}
    try:
        understood = proposals.several(bodies)
    except Refusal as refusal:
        return refused(body, asked, refusal)
    return Command(proposals=understood, **common(body, asked))


def separate(bodies: Sequence[Mapping[str, Any]], asked: Asked) -> list[Command]:
    """The commands that record events each by itself; a key of the whole is one of each."""
    made = []
    for i, body in enumerate(bodies):
        # No key that a caller sends has a space in it, so that the parts' keys are nobody else's.
        own = replace(asked, key=f"{asked.key} {i}") if asked.key is not None else asked
        try:
            understood = proposals.proposed_event(body)
        except Refusal as refusal:
            made.append(refused(body, own, refusal))
        else:
            made.append(Command(proposals=[understood], run_id=understood.run_id, **common(body, own)))
    return made


def by_service(run_id: str, proposals: Sequence[Proposal], asked: Asked) -> Command:
    """The command that records what only the service itself does about a run: an import, or a repair."""
    told = [replace(each, run_id=run_id, by_service=True) for each in proposals]
    return Command(proposals=told, run_id=run_id, **common({}, asked))


def planned(
    run_id: str, plan: Callable[[Run], Sequence[Proposal]], body: Mapping[str, Any], asked: Asked
) -> Command:
    """The command that records what the run, as it stands when it is judged, makes of a request."""
    return Command(plan=lambda book: plan(book.run(run_id)), run_id=run_id, **common(body, asked))


def planned_in(
    plan: Callable[["Book"], Sequence[Proposal]], body: Mapping[str, Any], asked: Asked
) -> Command:
    """The command that records what a transaction, by all that it can read, makes of a request."""
    return Command(plan=plan, **common(body, asked))


def filed(run_id: str, filing: Filing, body: Mapping[str, Any], asked: Asked) -> Command:
    """The command that records and writes what a request about something kept beside the log leads to."""
    return Command(filing=filing, run_id=run_id, **common(body, asked))


def refused(body: object, asked: Asked, refusal: Refusal, run_id: str | None = None) -> Command:
    """The command that cannot be understood: all there is to do is to keep why."""
    named = body.get("run_id") if isinstance(body, Mapping) else None
    run_id = run_id or (named if isinstance(named, str) else None)
    return Command(refusal=refusal, run_id=run_id, **common(body, asked))


def common(body: object, asked: Asked) -> dict[str, Any]:
    """What every command has."""
    return {
        "raw": body if isinstance(body, Mapping) else {},
        "origin": asked.origin,
        "key": asked.key,
        "request_id": asked.request_id,
    }
