"""Phases, as that executor adds and reads them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.autopack import creating, reading
from api.autopack.bodies import PhaseSent
from api.autopack.shapes import PhasePage, PhaseShown
from api.paging import json_answer
from api.requests import asked_by, body_of
from api.routes.autopack.answering import answered, recorded
from api.routes.documents import HEADERS, answers, body
from domain.naming import valid_ids
from domain.refusals import (
    IdempotencyKeyReused,
    PhaseExists,
    Quarantined,
    RunNotFound,
    RunTerminal,
    TooManyPhases,
    UnknownTier,
)

router = APIRouter(tags=["autopack"])

ADDING = (PhaseExists, UnknownTier, TooManyPhases, IdempotencyKeyReused)


@router.get("/phases", responses=answers({200: PhasePage}))
def list_autopack_phases(
    request: Request,
    run_id: Annotated[str | None, Query(description="Of this run only.")] = None,
    page: int = 1,
    page_size: int = 50,
) -> Response:
    """Phases, of all runs or of one."""
    if run_id is not None:
        valid_ids(run_id, None)
    return json_answer(reading.phase_list(request.app.state.ledger, run_id, page, page_size))


@router.post(
    "/runs/{run_id}/phases",
    openapi_extra=body(PhaseSent, example={"phase_id": "F1.9", "name": "Docs"}) | HEADERS,
    status_code=201,
    responses=answers({201: PhaseShown}, RunNotFound, Quarantined, RunTerminal, *ADDING, takes_body=True),
)
async def add_autopack_phase(run_id: str, request: Request) -> Response:
    """Add a phase to a run."""
    outcome = await recorded(request, creating.add(run_id, await body_of(request), asked_by(request)))
    phase_id = str(outcome[-1].event.phase_id)
    phase = await run_in_threadpool(reading.phase, request.app.state.ledger, run_id, phase_id)
    return answered(phase, outcome, 201)
