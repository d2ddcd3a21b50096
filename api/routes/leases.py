"""Claims, heartbeats, and the leases that are out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.leases.wanted import Claim, Heartbeat
from api.ledger import Ledger
from api.paging import Paged, cursor_of, json_answer, page, place_of
from api.requests import asked_by, body_of, no_if_match, only_parameters
from api.routes.documents import HEADERS, answers, body
from api.shapes_of_leases import Claimed, LeaseList, Renewed
from api.views import claimed_view
from domain.refusals import (
    IdempotencyKeyReused,
    LeaseTooLong,
    NoLease,
    PhaseNotFound,
    Quarantined,
    RunNotFound,
    RunTerminal,
    StaleAttempt,
)

router = APIRouter(prefix="/v1", tags=["leases"])


class LeasesWanted(Paged):
    """Which leases."""

    overdue: bool | None = Field(None, description="Only those whose time is past (true), or is not (false).")


@router.post(
    "/claims",
    openapi_extra=body(Claim) | HEADERS,
    status_code=201,
    responses=answers({201: Claimed, 204: None}, LeaseTooLong, IdempotencyKeyReused, takes_body=True),
)
async def claim_phase(request: Request) -> Response:
    """Claim the phase that has waited longest, whichever it is: 201; 204 where none may start now."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    outcome = await ledger.leases.claim_soon(await body_of(request), asked_by(request))
    if not outcome:
        return Response(status_code=204)
    (recorded,) = outcome
    headers = {"ETag": f'"{recorded.run.version}"'}
    if recorded.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(claimed_view(recorded), 201, headers)


@router.post(
    "/runs/{run_id}/phases/{phase_id}/heartbeat",
    openapi_extra=body(Heartbeat),
    responses=answers(
        {200: Renewed},
        RunNotFound,
        PhaseNotFound,
        Quarantined,
        StaleAttempt,
        RunTerminal,
        NoLease,
        takes_body=True,
    ),
)
async def renew_lease(run_id: str, phase_id: str, request: Request) -> Response:
    """Renew the lease of an open attempt: its executor is still at it. This is no event."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given = await body_of(request)
    return json_answer(await run_in_threadpool(ledger.leases.renew, run_id, phase_id, given))


@router.get("/leases", responses=answers({200: LeaseList}))
def list_leases(request: Request, wanted: Annotated[LeasesWanted, Query()]) -> Response:
    """The leases that are out: of which phase, for whom, until when."""
    ledger: Ledger = request.app.state.ledger
    after = tuple(place_of(wanted.cursor, (str, str, str))) if wanted.cursor else ()
    items = [each for each in ledger.leases.views(overdue=wanted.overdue) if place_in_list(each) > after]
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, cursor_of(*place_in_list(items[-1])) if more else None)


def place_in_list(lease: dict[str, str]) -> tuple[str, ...]:
    """Where a lease stands in the list."""
    return lease["expires_at"], lease["run_id"], lease["phase_id"]
