"""One transaction of the write path: look runs up, decide, seal, and write it all at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import orjson
from sqlalchemy import Connection
from uuid_utils import uuid7

import projections
from api.commands import Command, Filing, Outcome, Recorded
from api.past import Past
from domain.decide import decide, repeats
from domain.envelopes import NewEvent, Origin, Proposal, RecordedEvent
from domain.events.phase import PhaseStarted
from domain.evolve import evolve, fold
from domain.naming import run_id_for
from domain.refusals import IdempotencyKeyReused, LeaseTooLong, Refusal, RunExists
from domain.run import Run
from domain.times import stamp
from domain.values import printable
from eventstore import chain, statements, store
from eventstore.store import KeptKey, Tail

REFUSED_LENGTH_MAX = 8_192
"""Characters of a refused proposal, or of its facts, that are kept; what is longer is not."""

DETAIL_LENGTH_MAX = 2_000


class Unproven(Exception):
    """A decision rests on what is only remembered, and no constraint would show it wrong."""


class Book:
    """What a transaction has read and is about to write. Commits nothing."""

    def __init__(
        self,
        connection: Connection,
        known: Mapping[str, Run],
        now: datetime,
        trusted: Tail | None,
        lease_seconds_max: int,
    ) -> None:
        self.connection = connection
        self._lease_seconds_max = lease_seconds_max
        self._known = known
        self._trusts = trusted is not None
        self.found = trusted or store.tail(connection)
        """Where the log ended before this transaction."""
        self._position = self.found.position
        # Time in the log never runs backwards, whatever the clock does.
        self._at = max(stamp(now), self.found.recorded_at)
        self._now = now
        self._before: dict[str, Run] = {}
        self.runs: dict[str, Run] = {}
        """Every run that was looked at, as it will be after the commit."""
        self._events: list[RecordedEvent] = []
        self._keys: dict[str, tuple[KeptKey, Outcome]] = {}
        self._refusals: list[dict[str, Any]] = []
        self._pasts: dict[str, Past] = {}
        self._is_filing = False
        self._startable: dict[frozenset[tuple[str, str]], Iterator[tuple[str, str]]] = {}

    def judge(self, command: Command) -> Outcome:
        """Decide a command and note what it leads to; nothing of it when it is refused.

        Raises:
            Refusal: it may not happen; the refusal is noted.
            Unproven: it rests on what is only remembered.
        """
        runs, events, position = dict(self.runs), len(self._events), self._position
        try:
            return self._judged(command)
        except Refusal as refusal:
            if self._trusts:
                raise Unproven from refusal
            self.runs, self._position = runs, position
            del self._events[events:]
            refusal.is_of_new_run = self._is_new(refusal.facts().get("run_id"))
            self._note_refusal(command, refusal)
            raise

    def write(self, refusals_max: int) -> None:
        """Write what was noted: events, tables, keys and refusals."""
        connection = self.connection
        if self._events:
            store.append(connection, self._events)
            touched = dict.fromkeys(event.run_id for event in self._events)
            changes = [projections.Change(self._before[run_id], self.runs[run_id]) for run_id in touched]
            for statement, rows in projections.writes(changes):
                statements.write(connection, statement, rows)
        if self._keys:
            store.keep_keys(connection, [kept for kept, _ in self._keys.values()])
        if self._refusals:
            store.keep_refusals(connection, self._refusals, refusals_max)

    @property
    def tail(self) -> Tail:
        """Where the log ends after this transaction."""
        return Tail(self._position, self._at) if self._events else self.found

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._events or self._keys or self._refusals or self._is_filing)

    def read_under_lock(self) -> None:
        """See that nobody else writes while this transaction reads what no constraint would prove.

        Raises:
            Unproven: it reads on trust; it is made again, under the lock.
        """
        if self._trusts:
            raise Unproven

    def startable(self, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The phases that the tables say may start, oldest first, each told once in a transaction.

        What this transaction has done since is not in the tables yet.
        """
        wanted = frozenset(labels.items())
        if wanted not in self._startable:
            found = projections.startable_phases.oldest_first(self.connection, labels)
            self._startable[wanted] = found
        return self._startable[wanted]

    def _judged(self, command: Command) -> Outcome:
        if command.refusal is not None:
            raise command.refusal
        keys = command.keys
        if repeated := [key for key in keys if keys.count(key) > 1]:
            raise IdempotencyKeyReused(repeated[0].partition(":")[2])
        known = {key: before for key in keys if (before := self._replayed(key, command)) is not None}
        if known:
            outcome = next(iter(known.values()))
            self._keep([key for key in keys if key not in known], command, outcome)
            return outcome
        if command.creation is not None:
            outcome = self._create(command)
        elif command.filing is not None:
            outcome = self._file(command.filing, command)
        else:
            proposals = command.proposals
            if command.plan is not None:
                proposals = command.plan(self)
                if not proposals:
                    self.read_under_lock()  # nothing is written that would prove it
                    return []
                proposals = caused(proposals, self._new_id())
            outcome = [self._propose(proposal, command.origin) for proposal in proposals]
        self._keep(keys, command, outcome)
        return outcome

    def _keep(self, keys: Sequence[str], command: Command, outcome: Outcome) -> None:
        """Note what these keys stand for from now on."""
        positions = [recorded.event.position for recorded in outcome]
        for key in keys:
            self._keys[key] = (KeptKey(key, command.fingerprint, positions, self._at), outcome)

    def run(self, run_id: str) -> Run:
        """The run as it stands: what is known of it, brought up to the log."""
        if run_id not in self.runs:
            if run_id not in self._before:
                known = self._known.get(run_id)
                if known is None or not self._trusts:
                    known = known or Run(run_id=run_id)
                    known = fold(store.read_run(self.connection, run_id, known.version), known) or known
                self._before[run_id] = known
            self.runs[run_id] = self._before[run_id]
        return self.runs[run_id]

    def _is_new(self, run_id: str | None) -> bool:
        """Whether there is no such run, also after what is noted so far."""
        return run_id in self._before and (self.runs.get(run_id) or self._before[run_id]).version == 0

    def _propose(self, proposal: Proposal, origin: Origin) -> Recorded:
        run = self.run(proposal.run_id)
        if (version := repeats(run, proposal)) is not None:
            if self._trusts:
                raise Unproven
            history = store.read_run(self.connection, run.run_id)
            history += [event for event in self._events if event.run_id == run.run_id]
            told = Past(history).tell({version})[history[version - 1].position]
            return replace(told, run=run, repeats=True)
        self._judge_lease(proposal)
        return self._record(run, decide(run, proposal), proposal, origin)

    def _judge_lease(self, proposal: Proposal) -> None:
        """Refuse a lease that is longer than this service gives."""
        event, most = proposal.event, self._lease_seconds_max
        if isinstance(event, PhaseStarted) and (event.lease_seconds or 0) > most:
            asked_for = event.lease_seconds or 0
            raise LeaseTooLong(asked_for, most, proposal.run_id, proposal.phase_id, event.type)

    def _record(
        self, run: Run, decided: tuple[NewEvent, ...], proposal: Proposal, origin: Origin
    ) -> Recorded:
        main_id = proposal.event_id or self._new_id()
        implied = replace(origin, causation_id=main_id)
        recorded: list[RecordedEvent] = []
        for new in decided:
            self._position += 1
            event = chain.seal(
                new,
                run,
                position=self._position,
                event_id=self._new_id() if new.implied else main_id,
                occurred_at=proposal.occurred_at,
                recorded_at=self._at,
                origin=implied if new.implied else origin,
            )
            run = evolve(run, event)
            recorded.append(event)
        self._events += recorded
        self.runs[run.run_id] = run
        return Recorded(recorded[-1], recorded[:-1], run)

    def _file(self, filing: Filing, command: Command) -> Outcome:
        """Decide what is about something kept beside the log.

        It is written at once, so that the next command of this transaction finds it: under the lock, and when
        nothing can be refused any more.
        """
        self.read_under_lock()
        filed = filing(self.connection, self.run(command.run_id or ""), self._at)
        outcome = [self._propose(proposal, command.origin) for proposal in filed.proposals]
        for statement, rows in filed.writes:
            self._is_filing = True
            statements.write(self.connection, statement, rows)
        return outcome

    def _create(self, command: Command) -> Outcome:
        creation = command.creation
        assert creation is not None  # noqa: S101  # the caller looked
        run_id = creation.run_id or self._free_id(creation.goal or "")
        run = self.run(run_id)
        if run.version:
            raise RunExists(run_id, run.state, run.version)
        opening = Proposal(run_id=run_id, event=creation.opening)
        outcome = [self._propose(opening, command.origin)]
        origin = replace(command.origin, causation_id=outcome[0].event.event_id)
        for phase_id, event in creation.phases:
            added = Proposal(run_id=run_id, event=event, phase_id=phase_id)
            outcome.append(self._propose(added, origin))
        return outcome

    def _free_id(self, goal: str) -> str:
        """The id of a new run with this goal."""
        name = run_id_for(goal)
        there = projections.runs.ids_starting_with(self.connection, name)
        there |= {run_id for run_id, run in self.runs.items() if run.version}
        return next(run_id for taken in count() if (run_id := run_id_for(goal, taken)) not in there)

    def _replayed(self, key: str, command: Command) -> Outcome | None:
        """What came of this command before, if its key is known."""
        if key in self._keys:
            kept, outcome = self._keys[key]
        elif self._trusts:
            return None  # were it known, the database would refuse to keep it twice
        else:
            found = store.kept_key(self.connection, key)
            if found is None:
                if key.startswith("event:") and store.has_event_id(self.connection, key[6:]):
                    raise IdempotencyKeyReused(key.partition(":")[2])
                return None
            kept, outcome = found, []
        if kept.fingerprint != command.fingerprint:
            raise IdempotencyKeyReused(key.partition(":")[2])
        if outcome:
            return [replace(recorded, replayed=True) for recorded in outcome]
        events = store.at(self.connection, kept.positions)
        told: dict[int, Recorded] = {}
        for run_id in {event.run_id for event in events}:
            versions = {event.version for event in events if event.run_id == run_id}
            told |= self._past(run_id).tell(versions)
        return [
            replace(told[event.position], repeats=event.recorded_at < kept.recorded_at) for event in events
        ]

    def _past(self, run_id: str) -> Past:
        """The recorded history of a run, read once however many of its keys come again."""
        if run_id not in self._pasts:
            self._pasts[run_id] = Past(store.read_run(self.connection, run_id))
        return self._pasts[run_id]

    def _note_refusal(self, command: Command, refusal: Refusal) -> None:
        facts = refusal.facts()
        self._refusals.append(
            {
                "refused_at": self._at,
                "run_id": kept_text(facts.get("run_id", command.run_id)),
                "phase_id": kept_text(facts.get("phase_id", command.raw.get("phase_id"))),
                "event": kept_text(facts.get("event", command.raw.get("type"))),
                "code": refusal.code,
                "detail": printable(refusal.detail, DETAIL_LENGTH_MAX),
                "remedy": printable(refusal.remedy, DETAIL_LENGTH_MAX),
                "facts": kept_json(facts),
                "proposal": kept_json(command.raw),
                "actor": command.origin.actor,
                "actor_verified": command.origin.actor_verified,
                "request_id": command.request_id,
            }
        )

    def _new_id(self) -> str:
        return str(uuid7(nanoseconds=int(self._now.timestamp() * 1_000_000) * 1_000))


def caused(proposals: Sequence[Proposal], event_id: str) -> list[Proposal]:
    """The proposals of a plan; what is implied has the event that was asked for as its cause.

    `event_id` is what that event is called if nobody named it. An implied event gets an id of its own.
    """
    asked = next((each for each in reversed(proposals) if not each.implied), None)
    if asked is None or len(proposals) == 1:
        return list(proposals)
    event_id = asked.event_id or event_id
    return [replace(each, event_id=event_id) if each.implied or each is asked else each for each in proposals]


def kept_text(value: object) -> str | None:
    """A word of the request as it can be kept beside a refusal, where it is one."""
    return printable(value) if isinstance(value, str) else None


def kept_json(value: object) -> str | None:
    """What belongs to a refusal as JSON; None where it is too long, or cannot be kept at all."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        return None
    return text if len(text) <= REFUSED_LENGTH_MAX and "\\u0000" not in text else None
