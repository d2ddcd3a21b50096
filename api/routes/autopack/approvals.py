"""What that executor asks people, and how it hears their answer."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from api.autopack import reading, reporting, views
from api.autopack.bodies import ApprovalAsked
from api.autopack.shapes_of_reports import ApprovalAnswer, ApprovalRequested, ApprovalsWaiting
from api.ledger import Ledger, now
from api.paging import POSITION_MAX, json_answer
from api.requests import asked_by, body_of
from api.routes.autopack.answering import answered, recorded
from api.routes.documents import HEADERS, answers, body
from domain.refusals import (
    ApprovalNotFound,
    IdempotencyKeyReused,
    PhaseNotFound,
    Quarantined,
    RunNotFound,
)
from domain.times import stamp

router = APIRouter(tags=["autopack"])


@router.post(
    "/approval/request",
    openapi_extra=body(ApprovalAsked, example={"run_id": "nightly-42", "context": "risky_decision"})
    | HEADERS,
    responses=answers(
        {200: ApprovalRequested},
        RunNotFound,
        PhaseNotFound,
        Quarantined,
        IdempotencyKeyReused,
        takes_body=True,
    ),
)
async def request_autopack_approval(request: Request) -> Response:
    """Ask people for approval; the same question that waits already is not asked twice."""
    ledger: Ledger = request.app.state.ledger
    await run_in_threadpool(ledger.approvals.expire)
    expires_at = stamp(now() + timedelta(seconds=ledger.settings.approval_seconds))
    command = reporting.approval(await body_of(request), asked_by(request), expires_at)
    outcome = await recorded(request, command)
    found = await run_in_threadpool(reading.approval, ledger, command, outcome)
    return answered(views.approval_asked(found), outcome)


@router.get("/approval/status/{approval_id}", responses=answers({200: ApprovalAnswer}, ApprovalNotFound))
def get_autopack_approval(
    approval_id: Annotated[int, Path(ge=1, lt=POSITION_MAX)], request: Request
) -> Response:
    """What came of a request for approval. Where nobody answered in time, it is rejected."""
    ledger: Ledger = request.app.state.ledger
    return json_answer(views.approval(ledger.approvals.one(approval_id)))


@router.get("/approval/pending", responses=answers({200: ApprovalsWaiting}))
def list_autopack_approvals(request: Request) -> Response:
    """The requests for approval that wait for an answer, newest first."""
    ledger: Ledger = request.app.state.ledger
    found = ledger.approvals.page(status="pending", limit=500)
    return json_answer({"count": len(found), "requests": [views.approval_waiting(each) for each in found]})
