"""What that executor reports of phases: states, results, issues."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.autopack import reading, reporting
from api.autopack.bodies import ResultReport, StateReport
from api.autopack.shapes_of_reports import IssueRecorded, PhaseReported, ResultKept
from api.http_refusals import InvalidParameter
from api.ledger import now
from api.requests import asked_by, bad_header, body_of, parsed
from api.routes.autopack.answering import answered, recorded
from api.routes.documents import HEADERS, answers, body, header
from domain.refusals import (
    AttemptsExhausted,
    BudgetExhausted,
    IdempotencyKeyReused,
    IllegalMove,
    PhaseNotFound,
    Quarantined,
    RunHeld,
    RunNotFound,
    RunTerminal,
    UnknownState,
)
from domain.times import normalised, stamp

router = APIRouter(tags=["autopack"])

OCCURRED_AT = header("X-Occurred-At", "When it happened (RFC 3339), if not now: of a recording.")
HEADERS_OF_REPORT = {"parameters": [*HEADERS["parameters"], OCCURRED_AT]}
REFUSED = (
    RunNotFound,
    PhaseNotFound,
    Quarantined,
    IllegalMove,
    RunTerminal,
    RunHeld,
    AttemptsExhausted,
    BudgetExhausted,
    UnknownState,
    IdempotencyKeyReused,
)


def occurred_at(request: Request) -> str | None:
    """When what is reported happened, where the caller says so.

    Raises:
        InvalidParameter: it is no time.
    """
    given = request.headers.get("x-occurred-at")
    try:
        return normalised(given) if given is not None else None
    except ValueError as error:
        raise bad_header("X-Occurred-At", str(error)) from None


@router.post(
    "/runs/{run_id}/phases/{phase_id}/update_status",
    openapi_extra=body(StateReport, example={"state": "COMPLETE"}) | HEADERS_OF_REPORT,
    responses=answers({200: PhaseReported}, *REFUSED, takes_body=True),
)
async def report_autopack_state(run_id: str, phase_id: str, request: Request) -> Response:
    """Say which state a phase is in: it becomes the legal events that lead there, or is refused."""
    told, at = await body_of(request), occurred_at(request)
    by = asked_by(request)
    command = reporting.state(run_id, phase_id, told, by, at=at or stamp(now()), occurred_at=at)
    outcome = await recorded(request, command)
    phase = await run_in_threadpool(reading.phase, request.app.state.ledger, run_id, phase_id)
    message = f"Phase {phase_id} updated to state {phase['state']}"
    return answered({"message": message, "phase": phase}, outcome)


@router.put(
    "/runs/{run_id}/phases/{phase_id}",
    openapi_extra=body(StateReport, example={"state": "COMPLETE"}) | HEADERS_OF_REPORT,
    responses=answers({200: PhaseReported}, *REFUSED, takes_body=True),
)
async def put_autopack_phase(run_id: str, phase_id: str, request: Request) -> Response:
    """Say which state a phase is in, as older executors do."""
    return await report_autopack_state(run_id, phase_id, request)


@router.post(
    "/runs/{run_id}/phases/{phase_id}/builder_result",
    openapi_extra=body(
        ResultReport, example={"status": "success", "patch_content": "diff --git", "tokens_used": 1_234}
    )
    | HEADERS_OF_REPORT,
    responses=answers({200: ResultKept}, *REFUSED, takes_body=True),
)
async def submit_autopack_builder_result(run_id: str, phase_id: str, request: Request) -> Response:
    """Hand in what a builder did: it is kept whole, and with a patch it is submitted."""
    return await kept(run_id, phase_id, request, "Builder", works=True)


@router.post(
    "/runs/{run_id}/phases/{phase_id}/auditor_result",
    openapi_extra=body(ResultReport, example={"recommendation": "revise", "tokens_used": 50})
    | HEADERS_OF_REPORT,
    responses=answers({200: ResultKept}, *REFUSED, takes_body=True),
)
async def submit_autopack_auditor_result(run_id: str, phase_id: str, request: Request) -> Response:
    """Hand in what an auditor found: it is kept whole, and moves nothing."""
    return await kept(run_id, phase_id, request, "Auditor", works=False)


async def kept(run_id: str, phase_id: str, request: Request, whose: str, *, works: bool) -> Response:
    """Keep a result."""
    told, at = await body_of(request), occurred_at(request)
    command = reporting.result(run_id, phase_id, told, asked_by(request), works=works, occurred_at=at)
    outcome = await recorded(request, command)
    state = outcome[-1].run.phases[phase_id].state
    answer = {"message": f"{whose} result submitted", "phase_id": phase_id, "run_id": run_id}
    return answered({**answer, "phase_state": state}, outcome)


@router.post(
    "/runs/{run_id}/phases/{phase_id}/record_issue",
    openapi_extra=HEADERS,
    responses=answers(
        {200: IssueRecorded}, RunNotFound, PhaseNotFound, Quarantined, IdempotencyKeyReused, takes_body=True
    ),
)
async def record_autopack_issue(
    run_id: str,
    phase_id: str,
    request: Request,
    issue_key: Annotated[str, Query(min_length=1, max_length=500)],
    severity: Annotated[str, Query(max_length=100, description="major counts as one; all else as minor.")],
    source: Annotated[str, Query(max_length=100)],
    category: Annotated[str, Query(max_length=100)],
) -> Response:
    """Note an issue of a phase, and count it. A body may be a list of texts that show it."""
    said = {"issue_key": issue_key, "severity": severity, "source": source, "category": category}
    evidence = parsed(content) if (content := await request.body()) else []
    if not isinstance(evidence, list) or not all(isinstance(each, str) for each in evidence):
        raise InvalidParameter([{"in": "body", "name": "evidence_refs", "detail": "a list of texts"}])
    outcome = await recorded(request, reporting.issue(run_id, phase_id, said, evidence, asked_by(request)))
    usage = outcome[-1].run.phases[phase_id].usage
    told = {
        "message": f"Issue {issue_key} recorded",
        "phase_file": {
            "phase_id": phase_id,
            "minor_issue_count": usage.minor_issues,
            "major_issue_count": usage.major_issues,
        },
        "run_index_entry": said,
        "project_backlog_entry": None,
    }
    return answered(told, outcome)
