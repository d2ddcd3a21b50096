"""Propose repairs, decide on them, and read what waits for one: the face of this package."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection

from api import commands
from api.commands import NOBODY, Asked, Filed, Filing
from api.committer import Committer
from api.missing import run_not_found
from api.repairs.views import preview_view, repair_view, waiting_view
from domain.proposals import validated
from domain.refusals import Refusal, RepairNotFound
from domain.repairs import (
    Approval,
    ApprovalOfAll,
    NewRepair,
    Rejection,
    Repair,
    Status,
    SuggestedRepairs,
    approved,
    judge,
    judge_approval,
    judge_open,
    new_repair,
    rejected,
    repaired,
    state_of,
)
from domain.run import Run
from domain.values import keep
from eventstore import repairs
from eventstore.repairs import Kept
from projections import quarantine, runs

ID_DIGITS = 12
AT_ONCE = 500
"""What is read at once where all of it is wanted."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A repair as it is now, and whether this had been asked for before."""

    repair: dict[str, Any]
    replayed: bool


class Repairs:
    """The repairs of a ledger."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Connection]],
        committer: Committer,
        *,
        two_persons: bool,
    ) -> None:
        self._reading = reading
        self._committer = committer
        self._two_persons = two_persons

    # --- propose and decide ---

    def propose(self, body: Mapping[str, Any], asked: Asked = NOBODY) -> Answered:
        """Propose a repair: `{run_id, phase_id?, state, reason, evidence?, finding?, expected_version?}`.

        Raises:
            Refusal: it was not proposed.
        """
        try:
            wanted = new_repair(body)
        except Refusal as refusal:
            self._committer.commit(commands.refused(body, asked, refusal))
            raise
        repair_id = id_for(asked.key)

        def filing(_connection: Connection, run: Run, at: str) -> Filed:
            judge(run, wanted)
            repair = proposal(wanted, repair_id, run, asked, at)
            return Filed(writes=[repairs.to_keep(repair, preview_view(run, repair, at))])

        return self._answered(repair_id, wanted.run_id, filing, body, asked)

    def propose_suggested(self, body: Mapping[str, Any], asked: Asked = NOBODY) -> list[Answered | Refusal]:
        """Propose what is suggested for each run and phase in quarantine: `{reason?, evidence?}`.

        What is proposed for it already, and may still be approved, is given back instead.

        Raises:
            InvalidBody: the body is none.
        """
        keep(body)
        wanted = validated(SuggestedRepairs, body)
        told: list[Answered | Refusal] = []
        for each in self._suggested():
            if each["proposed"]:
                told += [Answered(self.get(repair_id), replayed=True) for repair_id in each["proposed"]]
                continue
            proposed = suggested(each) | ({"reason": wanted.reason} if wanted.reason else {})
            told.append(self._tried(self.propose, {**proposed, "evidence": wanted.evidence}, asked))
        return told

    def approve(self, repair_id: str, body: Mapping[str, Any], asked: Asked = NOBODY) -> Answered:
        """Approve a repair: its event is appended, and the proposal is approved, both or neither.

        Raises:
            RepairNotFound, RepairDecided, SecondPersonNeeded, RepairOutOfDate: it was not approved.
        """
        validated(Approval, body)

        def deciding(repair: Repair, run: Run, at: str) -> Filed:
            judge_approval(repair, run, asked.origin.actor, two_persons=self._two_persons)
            made = approved(repair, asked.origin, at, run.version + 1)
            return Filed(proposals=[repaired(made)], writes=[repairs.to_decide(made)])

        return self._decide(repair_id, "approved", deciding, {}, asked)

    def approve_all(self, body: Mapping[str, Any], asked: Asked = NOBODY) -> list[Answered | Refusal]:
        """Approve every proposed repair that answers a finding: `{finding}`.

        Those of one run that are bound to the same version are approved in one append: none of them moves the
        run on before another. What cannot be approved is refused by itself.

        Raises:
            InvalidBody: the body is none.
        """
        keep(body)
        wanted = validated(ApprovalOfAll, body)
        found = [kept.repair for kept in self._all(status="proposed", finding=wanted.finding)]
        told: list[Answered | Refusal] = []
        for group in together(reversed(found)):
            done = self._approve_together(group, asked)
            told += [
                Answered(self.get(each.repair_id), replayed=False)
                if each.repair_id in done
                else self._tried(self.approve, each.repair_id, {}, asked)
                for each in group
            ]
        return told

    def reject(self, repair_id: str, body: Mapping[str, Any], asked: Asked = NOBODY) -> Answered:
        """Reject a repair: `{reason}`. Whoever has proposed it may, too.

        Raises:
            InvalidBody, RepairNotFound, RepairDecided: it was not rejected.
        """
        keep(body)
        why = validated(Rejection, body).reason

        def deciding(repair: Repair, _run: Run, at: str) -> Filed:
            judge_open(repair)
            return Filed(writes=[repairs.to_decide(rejected(repair, asked.origin, at, why))])

        return self._decide(repair_id, "rejected", deciding, body, asked)

    # --- read ---

    def get(self, repair_id: str) -> dict[str, Any]:
        """A repair.

        Raises:
            RepairNotFound: there is none.
        """
        return repair_view(self._kept(repair_id))

    def page(self, **wanted: Any) -> list[dict[str, Any]]:  # as eventstore.repairs.page
        """Repairs, newest first: see `eventstore.repairs.page`."""
        with self._reading() as connection:
            return [repair_view(kept) for kept in repairs.page(connection, **wanted)]

    def quarantine(self, *, run_id: str | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """What waits in quarantine, by run and phase: see `projections.quarantine.page`.

        Raises:
            RunNotFound: a run is named that is not there.
        """
        with self._reading() as connection:
            rows = quarantine.page(connection, run_id=run_id, **wanted)
            if not rows and run_id is not None and runs.get(connection, run_id) is None:
                raise run_not_found(connection, run_id)
            proposed = repairs.waiting(connection, [row["run_id"] for row in rows])
        return [waiting_view(row, proposed.get((row["run_id"], row["phase_id"]), [])) for row in rows]

    # --- how ---

    def _kept(self, repair_id: str) -> Kept:
        with self._reading() as connection:
            return kept_in(connection, repair_id)

    def _approve_together(self, group: Sequence[Repair], asked: Asked) -> set[str]:
        """Approve those of a run that may be, in one append; the ids of these."""
        done: dict[str, Repair] = {}

        def filing(connection: Connection, run: Run, at: str) -> Filed:
            done.clear()
            for each in group:
                repair = kept_in(connection, each.repair_id).repair
                with suppress(Refusal):  # whoever asks for it by itself is told why
                    judge_approval(repair, run, asked.origin.actor, two_persons=self._two_persons)
                    version = run.version + len(done) + 1
                    done[repair.repair_id] = approved(repair, asked.origin, at, version)
            made = list(done.values())
            writes = [repairs.to_decide(*made)] if made else []
            return Filed(proposals=[repaired(each) for each in made], writes=writes)

        if len(group) > 1:
            told = {"type": "run.repaired", "repair_ids": [each.repair_id for each in group]}
            self._committer.commit(commands.filed(group[0].run_id, filing, told, asked))
        return set(done)

    def _decide(
        self,
        repair_id: str,
        status: Status,
        deciding: Callable[[Repair, Run, str], Filed],
        body: Mapping[str, Any],
        asked: Asked,
    ) -> Answered:
        known = self._kept(repair_id).repair
        repeated = False

        def filing(connection: Connection, run: Run, at: str) -> Filed:
            nonlocal repeated
            repair = kept_in(connection, repair_id).repair
            repeated = (repair.status, repair.decided_by) == (status, asked.origin.actor)
            return Filed() if repeated else deciding(repair, run, at)

        told = {"repair_id": repair_id, "phase_id": known.phase_id, "decision": status, **body}
        answered = self._answered(repair_id, known.run_id, filing, told, asked)
        return replace(answered, replayed=answered.replayed or repeated)

    def _answered(
        self, repair_id: str, run_id: str, filing: Filing, body: Mapping[str, Any], asked: Asked
    ) -> Answered:
        is_new = False

        def filed(connection: Connection, run: Run, at: str) -> Filed:
            nonlocal is_new
            made = filing(connection, run, at)
            is_new = True
            return made

        raw = {**body, "type": "phase.repaired" if body.get("phase_id") else "run.repaired"}
        self._committer.commit(commands.filed(run_id, filed, raw, asked))
        return Answered(self.get(repair_id), replayed=not is_new)

    def _suggested(self) -> Iterator[dict[str, Any]]:
        after = None
        while page := self.quarantine(is_suggested=True, after=after, limit=AT_ONCE):
            yield from page
            after = page[-1]["run_id"], page[-1]["phase_id"] or ""

    def _all(self, **wanted: Any) -> Iterator[Kept]:
        before = None
        while True:
            with self._reading() as connection:
                page = repairs.page(connection, before=before, limit=AT_ONCE, **wanted)
            if not page:
                return
            yield from page
            before = page[-1].repair.proposed_at, page[-1].repair.repair_id

    @staticmethod
    def _tried(ask: Callable[..., Answered], *what: Any) -> Answered | Refusal:
        try:
            return ask(*what)
        except Refusal as refusal:
            return refusal


def id_for(key: str | None) -> str:
    """The id of a new repair; of the same key always the same, to be found when the key comes again."""
    return sha256(key.encode()).hexdigest()[:ID_DIGITS] if key is not None else token_hex(ID_DIGITS // 2)


def together(found: Iterable[Repair]) -> Iterator[list[Repair]]:
    """Repairs in groups of one run at one version, in which nothing is repaired twice."""
    groups: dict[tuple[str, int], dict[str | None, Repair]] = {}
    others: list[Repair] = []
    for each in found:
        group = groups.setdefault((each.run_id, each.version), {})
        if group.setdefault(each.phase_id, each) is not each:
            others.append(each)
    yield from (list(group.values()) for group in groups.values())
    yield from ([each] for each in others)


def kept_in(connection: Connection, repair_id: str) -> Kept:
    """A repair.

    Raises:
        RepairNotFound: there is none.
    """
    kept = repairs.get(connection, repair_id)
    if kept is None:
        raise RepairNotFound(repair_id)
    return kept


def proposal(wanted: NewRepair, repair_id: str, run: Run, asked: Asked, at: str) -> Repair:
    """The repair that is wanted, bound to the run as it is."""
    return Repair(
        repair_id=repair_id,
        run_id=wanted.run_id,
        phase_id=wanted.phase_id,
        version=run.version,
        before=state_of(run, wanted.phase_id),
        state=wanted.state,
        reason=wanted.reason,
        evidence=wanted.evidence,
        finding=wanted.finding,
        proposed_by=asked.origin.actor,
        proposed_by_verified=asked.origin.actor_verified,
        proposed_at=at,
    )


def suggested(waiting: Mapping[str, Any]) -> dict[str, Any]:
    """The repair that is suggested for something in quarantine."""
    named = {name: waiting[name] for name in ("run_id", "phase_id") if waiting[name] is not None}
    codes = [finding["code"] for finding in waiting["findings"] if isinstance(finding.get("code"), str)]
    of_state = [code for code in codes if code.startswith("illegal-")]
    answers = {"finding": (of_state or codes)[0]} if codes else {}
    reason = f"The import suggests {waiting['suggested']} for {waiting['value']}."
    made = {"state": waiting["suggested"], "reason": reason, "expected_version": waiting["version"]}
    return {**named, **made, **answers}
