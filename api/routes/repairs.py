"""Repairs: proposed with a preview, approved or rejected by a person, kept for ever when approved."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.ledger import Ledger
from api.paging import NO_NUL, Paged, cursor_of, json_answer, page, place_of
from api.problems import problem
from api.repairs.repairs import Answered
from api.requests import asked_by, body_if_any, body_of, no_if_match, only_parameters
from api.routes.documents import HEADERS, HEADERS_WITHOUT_KEY, answers, body
from api.shapes_of_repairs import RepairList, RepairResults, RepairShown
from domain.naming import is_id, valid_ids
from domain.refusals import (
    IdempotencyKeyReused,
    NothingToRepair,
    PhaseNotFound,
    Refusal,
    RepairDecided,
    RepairNotFound,
    RepairOutOfDate,
    RunNotFound,
    SecondPersonNeeded,
    UnknownState,
    VersionMismatch,
)
from domain.repairs import Approval, ApprovalOfAll, NewRepair, Rejection, Status, SuggestedRepairs

router = APIRouter(prefix="/v1/repairs", tags=["repairs"])

NOT_PROPOSED = (RunNotFound, PhaseNotFound, UnknownState, NothingToRepair, VersionMismatch)


class RepairsWanted(Paged):
    """Which repairs."""

    status: Status | None = Field(None, description="Proposed, approved or rejected ones only.")
    run_id: str | None = Field(None, description="Of this run and its phases only.")
    finding: str | None = Field(
        None, max_length=128, pattern=NO_NUL, description="Those that answer this finding only."
    )


@router.post(
    "",
    openapi_extra=body(NewRepair) | HEADERS,
    status_code=201,
    responses=answers({201: RepairShown}, *NOT_PROPOSED, IdempotencyKeyReused, takes_body=True),
)
async def propose_repair(request: Request) -> Response:
    """Propose to set a state outside the moves. It is answered with a preview; nothing is repaired yet."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given, asked = await body_of(request), asked_by(request)
    answered = await run_in_threadpool(ledger.repairs.propose, given, asked)
    return answer(answered, 201, {"Location": f"/v1/repairs/{answered.repair['repair_id']}"})


@router.post(
    "/suggested",
    openapi_extra=body(SuggestedRepairs) | HEADERS_WITHOUT_KEY,
    responses=answers({200: RepairResults}, takes_body=True),
)
async def propose_suggested_repairs(request: Request) -> Response:
    """Propose what is suggested for all that waits in quarantine; what is proposed already is given back."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given, asked = await body_of(request), asked_by(request)
    told = await run_in_threadpool(ledger.repairs.propose_suggested, given, asked)
    return json_answer({"results": [result(each, 201, request) for each in told]})


@router.post(
    "/approve",
    openapi_extra=body(ApprovalOfAll) | HEADERS_WITHOUT_KEY,
    responses=answers({200: RepairResults}, takes_body=True),
)
async def approve_repairs(request: Request) -> Response:
    """Approve every proposed repair that answers a finding: those of one run in one append."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given, asked = await body_of(request), asked_by(request)
    told = await run_in_threadpool(ledger.repairs.approve_all, given, asked)
    return json_answer({"results": [result(each, 200, request) for each in told]})


@router.get("", responses=answers({200: RepairList}))
def list_repairs(request: Request, wanted: Annotated[RepairsWanted, Query()]) -> Response:
    """Repairs, newest first."""
    ledger: Ledger = request.app.state.ledger
    if wanted.run_id is not None:
        valid_ids(wanted.run_id, None)
    items = ledger.repairs.page(
        status=wanted.status,
        run_id=wanted.run_id,
        finding=wanted.finding,
        before=tuple(place_of(wanted.cursor, (str, str))) if wanted.cursor else None,
        limit=wanted.limit + 1,
    )
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, cursor_of(items[-1]["proposed_at"], items[-1]["repair_id"]) if more else None)


@router.get("/{repair_id}", responses=answers({200: RepairShown}, RepairNotFound))
def get_repair(repair_id: str, request: Request) -> Response:
    """A repair, with its preview and what was decided."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    return json_answer(ledger.repairs.get(known(repair_id)))


@router.post(
    "/{repair_id}/approve",
    openapi_extra=body(Approval, required=False) | HEADERS,
    responses=answers(
        {200: RepairShown},
        RepairNotFound,
        RepairDecided,
        RepairOutOfDate,
        SecondPersonNeeded,
        IdempotencyKeyReused,
        takes_body=True,
    ),
)
async def approve_repair(repair_id: str, request: Request) -> Response:
    """Approve a repair: run.repaired or phase.repaired is recorded with all that led to it."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given, asked = await body_if_any(request), asked_by(request)
    return answer(await run_in_threadpool(ledger.repairs.approve, known(repair_id), given, asked))


@router.post(
    "/{repair_id}/reject",
    openapi_extra=body(Rejection) | HEADERS,
    responses=answers(
        {200: RepairShown}, RepairNotFound, RepairDecided, IdempotencyKeyReused, takes_body=True
    ),
)
async def reject_repair(repair_id: str, request: Request) -> Response:
    """Reject a repair, for a reason. It stays in the list, and nothing is recorded."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given, asked = await body_of(request), asked_by(request)
    return answer(await run_in_threadpool(ledger.repairs.reject, known(repair_id), given, asked))


def known(repair_id: str) -> str:
    """The id of a repair; one that cannot be asked for names none.

    Raises:
        RepairNotFound: it is no id.
    """
    if not is_id(repair_id):
        raise RepairNotFound(repair_id)
    return repair_id


def answer(answered: Answered, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A repair as it is now."""
    replayed = {"Idempotent-Replayed": "true"} if answered.replayed else {}
    return json_answer(answered.repair, status, {**(headers or {}), **replayed})


def result(each: Answered | Refusal, status: int, request: Request) -> dict[str, Any]:
    """What came of one of several."""
    if isinstance(each, Refusal):
        told = problem(each, instance=request.url.path, request_id=request.state.request_id)
        return {"status": told["status"], "problem": told}
    return {"status": 200 if each.replayed else status, "replayed": each.replayed, "repair": each.repair}
