"""A refusal as an RFC 9457 problem: its status, its body, and the call that helps. The only such map."""

from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.responses import Response

from api import http_refusals as http
from api import unavailable
from api.feeds import refusals as feeds
from api.history import refusals as history
from api.replay import refusals as replay
from api.webhooks import refusals as webhooks
from domain import refusals
from domain.refusals import Refusal

MEDIA_TYPE = "application/problem+json"
PATH = "/~!$&'()*+,;=:@"
"""What a path may hold as it is (RFC 3986), beside letters, digits, dots, dashes and underscores."""
FACT_LENGTH_MAX = 500
"""Characters of a text in a problem."""

STATUS: dict[type[Refusal], int] = {
    refusals.InvalidBody: 422,
    refusals.InvalidId: 422,
    refusals.UnknownEvent: 422,
    refusals.UnknownState: 422,
    refusals.ReservedEvent: 422,
    refusals.RunNotFound: 404,
    refusals.PhaseNotFound: 404,
    refusals.RunExists: 409,
    refusals.PhaseExists: 409,
    refusals.Quarantined: 409,
    refusals.IllegalMove: 409,
    refusals.RunTerminal: 409,
    refusals.RunNotExecuting: 409,
    refusals.RunHeld: 409,
    refusals.StaleAttempt: 409,
    refusals.NoLease: 409,
    refusals.LeaseTooLong: 422,
    refusals.AttemptRequired: 409,
    refusals.AttemptsExhausted: 409,
    refusals.TooManyPhases: 409,
    refusals.UnknownTier: 409,
    refusals.PhasesOpen: 409,
    refusals.BudgetExhausted: 409,
    refusals.RunPreserved: 409,
    refusals.ApprovalNotFound: 404,
    refusals.ApprovalAnswered: 409,
    refusals.RepairNotFound: 404,
    refusals.NothingToRepair: 409,
    refusals.RepairOutOfDate: 409,
    refusals.RepairDecided: 409,
    refusals.SecondPersonNeeded: 403,
    refusals.VersionMismatch: 412,
    refusals.IdempotencyKeyReused: 422,
    history.NoSuchVersion: 404,
    history.UnknownField: 422,
    history.InvalidExpression: 422,
    replay.ReplayUnderWay: 409,
    replay.RebuildTakenOver: 409,
    replay.TablesInUse: 409,
    replay.OwnerNeeded: 409,
    replay.WorkerLost: 503,
    http.NotJson: 400,
    http.UnsupportedMediaType: 415,
    http.BodyTooLarge: 413,
    http.InvalidParameter: 422,
    http.NoSuchCall: 404,
    http.NoSuchSchema: 404,
    http.MethodNotAllowed: 405,
    http.HostNotAllowed: 421,
    http.InternalError: 500,
    feeds.TooManyStreams: 503,
    webhooks.WebhookNotFound: 404,
    unavailable.Overloaded: 503,
    unavailable.DatabaseBusy: 503,
    unavailable.DatabaseDown: 503,
    unavailable.DatabaseUnfit: 503,
    unavailable.ShuttingDown: 503,
    unavailable.OutcomeUnknown: 503,
}

RUN_EVENTS = "/v1/runs/{run_id}/events"
RUN_MOVES = "/v1/runs/{run_id}/moves"
RUN = "/v1/runs/{run_id}"
RUN_BLAME = "/v1/runs/{run_id}/blame"
PHASE = "/v1/runs/{run_id}/phases/{phase_id}"
MACHINE = "/v1/machine"
APPROVALS = "/v1/approvals"
REPAIRS = "/v1/repairs"
REPAIR = "/v1/repairs/{repair_id}"

LOOK_AT: dict[type[Refusal], str] = {
    refusals.IllegalMove: RUN_MOVES,
    refusals.RunTerminal: RUN_MOVES,
    refusals.PhasesOpen: RUN_MOVES,
    refusals.TooManyPhases: RUN,
    refusals.StaleAttempt: PHASE,
    refusals.NoLease: PHASE,
    refusals.AttemptRequired: PHASE,
    refusals.PhaseExists: PHASE,
    refusals.RunExists: RUN,
    refusals.VersionMismatch: RUN,
    refusals.UnknownTier: RUN,
    refusals.ApprovalNotFound: APPROVALS,
    history.NoSuchVersion: RUN,
    history.UnknownField: RUN_BLAME,
    refusals.RepairNotFound: REPAIRS,
    refusals.NothingToRepair: RUN,
    refusals.RepairDecided: REPAIR,
    refusals.SecondPersonNeeded: REPAIR,
    refusals.UnknownEvent: MACHINE,
    refusals.UnknownState: MACHINE,
    refusals.ReservedEvent: MACHINE,
    refusals.InvalidBody: "/v1/schemas",
    webhooks.WebhookNotFound: "/v1/webhooks",
    http.NoSuchSchema: "/v1/schemas",
    http.NoSuchCall: "/openapi.json",
    http.InvalidParameter: "/openapi.json",
}
"""What a caller reads next, where no proposal of theirs clears the way."""


def problem(refusal: Refusal, *, instance: str, request_id: str) -> dict[str, Any]:
    """The body that tells of a refusal."""
    told = {
        "type": f"urn:runnotary:problem:{refusal.code}",
        "title": refusal.title,
        "status": STATUS[type(refusal)],
        "detail": refusal.detail,
        "instance": quote(instance, safe=PATH, errors="replace"),
        "code": refusal.code,
        "remedy": refusal.remedy,
        "request_id": request_id,
    }
    if (call := call_for(refusal)) is not None:
        told["call"] = call
    return told | {name: clipped(value) for name, value in refusal.facts().items() if name not in told}


def clipped(value: Any) -> Any:  # a JSON value
    """A fact of bounded length, whatever a caller sent."""
    match value:
        case str():
            return value if len(value) <= FACT_LENGTH_MAX else f"{value[:FACT_LENGTH_MAX]}…"
        case list():
            return [clipped(each) for each in value]
        case dict():
            return {clipped(name): clipped(each) for name, each in value.items()}
        case _:
            return value


def answer(refusal: Refusal, *, instance: str, request_id: str) -> Response:
    """The response that tells of a refusal."""
    told = problem(refusal, instance=instance, request_id=request_id)
    headers = {}
    if isinstance(refusal, unavailable.Unavailable):
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, http.MethodNotAllowed):
        headers["Allow"] = ", ".join(refusal.allowed)
    return Response(orjson.dumps(told), STATUS[type(refusal)], headers, MEDIA_TYPE)


def call_for(refusal: Refusal) -> dict[str, Any] | None:
    """The HTTP call that does what the remedy says, where there is one."""
    facts = refusal.facts()
    if refusal.is_of_new_run and not isinstance(refusal, refusals.RunNotFound):
        return None
    if (asked := request_for(refusal)) is not None:
        path, body = asked
        return {"method": "POST", "path": path, "body": body}
    if isinstance(refusal, refusals.UnknownState) and refusal.entity is not None:
        return {"method": "GET", "path": rightly_asked(refusal)}
    look_at = LOOK_AT.get(type(refusal))
    return {"method": "GET", "path": look_at.format(**facts)} if look_at is not None else None


def request_for(refusal: Refusal) -> tuple[str, dict[str, Any]] | None:
    """What would clear the way: where it is sent, and what; None where nothing is."""
    if refusal.next_event is not None:
        return RUN_EVENTS.format(**refusal.facts()), refusal.next_event
    match refusal:
        case refusals.RunNotFound():
            return "/v1/runs", {"run_id": refusal.run_id}
        case refusals.PhaseNotFound():
            return f"/v1/runs/{refusal.run_id}/phases", {"phase_id": refusal.phase_id}
        case refusals.Quarantined(run_id, phase_id, version, _, suggested):
            return REPAIRS, repair_of(run_id, phase_id, suggested, version)
        case refusals.RepairOutOfDate():
            return REPAIRS, refusal.again
    return None


def repair_of(
    run_id: str, phase_id: str | None, suggested: str | None, version: int | None
) -> dict[str, Any]:
    """The repair of something in quarantine, to be proposed; without a suggestion, somebody says which."""
    body = {
        "run_id": run_id,
        "phase_id": phase_id,
        "state": suggested or "say which",
        "reason": "say why",
        "expected_version": version,
    }
    return {name: value for name, value in body.items() if value is not None}


def rightly_asked(refusal: refusals.UnknownState) -> str:
    """The path that asks about something that has such a state; where nothing has, what there is."""
    facts = refusal.facts()
    if refusal.entity == "phase" and refusal.phase_id is None:
        return RUN.format(**facts)
    query = {"to": refusal.state} | ({"phase_id": refusal.phase_id} if refusal.phase_id else {})
    return f"{RUN_MOVES.format(**facts)}?{urlencode(query)}"
