"""From what that client reports to the commands that record it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from api import commands
from api.autopack.bodies import ApprovalAsked, ResultReport, StateReport
from api.commands import Asked, Command
from domain.envelopes import Proposal
from domain.events.phase import PhaseAnnotated, PhaseResultRecorded
from domain.events.run import RunApprovalRequested
from domain.naming import valid_ids
from domain.proposals import validated
from domain.refusals import InvalidBody, Refusal, UnknownState
from domain.reports import issue_reported, result_reported, state_reported, usage_reported
from domain.run import Approval, Run
from domain.states import ApprovalStatus, PhaseState
from domain.values import keep

Plan = Callable[[Run], Sequence[Proposal]]
Json = Mapping[str, Any]

TOTALS = {
    "tokens_used": "tokens_used",
    "minor_issues_count": "minor_issues",
    "major_issues_count": "major_issues",
}
"""What the figures are called there, and here."""

ASIDE = ("quality_level", "quality_blocked", "metadata")
"""What else a report of a state may say; it is kept as a result."""

MAJOR = "major"


def command(
    run_id: str,
    phase_id: str | None,
    raw: Json,
    asked: Asked,
    understood: Callable[[], Plan],
    occurred_at: str | None = None,
) -> Command:
    """The command that records a report; the refusal of one that cannot be understood is kept too."""
    about = {"phase_id": phase_id, **raw} if phase_id is not None else raw
    try:
        keep(raw)
        plan = understood()
        valid_ids(run_id, phase_id)
    except Refusal as refusal:
        return commands.refused(about, asked, refusal, run_id)

    def timed(run: Run) -> list[Proposal]:
        return [replace(each, occurred_at=occurred_at) for each in plan(run)]

    return commands.planned(run_id, timed, about, asked)


def state(
    run_id: str, phase_id: str, raw: Json, asked: Asked, *, at: str, occurred_at: str | None
) -> Command:
    """A phase is said to be in a state, at this time; when that was by the caller's clock, if it says so."""

    def understood() -> Plan:
        sent = validated(StateReport, raw)
        if sent.state not in set(PhaseState):
            known = [str(each) for each in PhaseState]
            near = get_close_matches(sent.state.upper(), known, n=2)
            raise UnknownState(sent.state, known, near, run_id=run_id, phase_id=phase_id)

        def plan(run: Run) -> list[Proposal]:
            told = [*usage_reported(run, phase_id, totals(sent)), *aside(run_id, phase_id, sent)]
            return state_reported(run, phase_id, PhaseState(sent.state), at=at, told=told)

        return plan

    return command(run_id, phase_id, {"type": "update_status", **raw}, asked, understood, occurred_at)


def totals(sent: StateReport) -> dict[str, int]:
    """The figures that are named."""
    named = {ours: getattr(sent, theirs) for theirs, ours in TOTALS.items()}
    return {name: value for name, value in named.items() if value is not None}


def aside(run_id: str, phase_id: str, sent: StateReport) -> list[Proposal]:
    """What is said beside the state and no figure."""
    said = {name: value for name in ASIDE if (value := getattr(sent, name)) is not None}
    event = PhaseResultRecorded(result=said)
    return [Proposal(run_id=run_id, phase_id=phase_id, event=event, implied=True)] if said else []


def result(
    run_id: str, phase_id: str, raw: Json, asked: Asked, *, works: bool, occurred_at: str | None
) -> Command:
    """A result; `works`, whether it is one of somebody who worked on the phase, rather than judged it."""

    def understood() -> Plan:
        sent = validated(ResultReport, raw)
        matching(sent, run_id, phase_id)
        hands_in = works and sent.hands_in
        return lambda run: result_reported(
            run, phase_id, raw, tokens=sent.tokens_used, works=works, submits=hands_in
        )

    return command(run_id, phase_id, raw, asked, understood, occurred_at)


def matching(sent: ResultReport, run_id: str, phase_id: str) -> None:
    """Refuse a body that is about another phase than its path.

    Raises:
        InvalidBody: it is.
    """
    errors = [
        {"pointer": f"/{name}", "detail": f"the path names {there}"}
        for name, here, there in (("run_id", sent.run_id, run_id), ("phase_id", sent.phase_id, phase_id))
        if here is not None and here != there
    ]
    if errors:
        raise InvalidBody(errors)


def issue(run_id: str, phase_id: str, said: Mapping[str, str], evidence: list[str], asked: Asked) -> Command:
    """An issue was found: its key, its severity, who found it, and of what category it is."""
    tags = ["issue", *(said[name][:128] for name in ("severity", "category", "source") if said[name])]
    figure = "major_issues" if said["severity"].lower() == MAJOR else "minor_issues"
    words = [f"{said['issue_key']} ({', '.join(tags[1:])})", *evidence]

    def understood() -> Plan:
        note = validated(PhaseAnnotated, {"text": "\n".join(words), "tags": tags})
        return lambda run: issue_reported(run, phase_id, note, figure)

    raw = {**said, "evidence_refs": evidence}
    return command(run_id, phase_id, raw, asked, understood)


def approval(raw: Json, asked: Asked, expires_at: str) -> Command:
    """Somebody asks people for approval, and waits until then."""
    run_id, phase_id = (
        each if isinstance(each := raw.get(name), str) else "" for name in ("run_id", "phase_id")
    )

    def understood() -> Plan:
        asks = question(raw)
        event = validated(RunApprovalRequested, {**asks, "expires_at": expires_at})
        proposal = Proposal(run_id=run_id, event=event)
        return lambda run: [] if waiting(run, asks) else [proposal]

    return command(run_id, phase_id or None, raw, asked, understood)


def question(raw: Json) -> dict[str, Any]:
    """What a request for approval asks.

    Raises:
        InvalidBody: it is none.
    """
    sent = validated(ApprovalAsked, raw)
    return {name: value for name, value in sent.model_dump(exclude={"run_id"}).items() if value is not None}


def waiting(run: Run, question: Json) -> Approval | None:
    """The request that asks the same and waits for an answer already."""
    for each in run.approvals.values():
        asked = {name: value for name, value in each.asked.items() if name != "expires_at"}
        if each.status == ApprovalStatus.PENDING and asked == question:
            return each
    return None
