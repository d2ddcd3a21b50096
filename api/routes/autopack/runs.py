"""Runs, as that executor creates and reads them."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.autopack import creating, reading, views
from api.autopack.bodies import RunStart
from api.autopack.shapes import DashboardStatus, HealthShown, ProgressShown, RunPage, RunShown
from api.checks import check_schema
from api.ledger import Ledger, now
from api.paging import json_answer
from api.requests import asked_by, body_of
from api.routes.autopack.answering import answered, recorded
from api.routes.documents import HEADERS, answers, body
from domain.naming import valid_ids
from domain.refusals import (
    IdempotencyKeyReused,
    PhaseExists,
    Quarantined,
    RunExists,
    RunNotFound,
    TooManyPhases,
    UnknownState,
    UnknownTier,
)

router = APIRouter(tags=["autopack"])

STARTING = {
    "run": {"run_id": "nightly-43", "token_cap": 300_000},
    "tiers": [{"tier_id": "T1", "tier_index": 0, "name": "Foundation"}],
    "phases": [
        {"phase_id": "F1.1", "phase_index": 0, "tier_id": "T1", "name": "Models", "complexity": "medium"}
    ],
}
CREATING = (RunExists, PhaseExists, UnknownState, UnknownTier, TooManyPhases, IdempotencyKeyReused)


@router.get("/health", responses=answers({200: HealthShown}))
def get_health(request: Request) -> Response:
    """Whether the service can do its work. One odd row does not make it ill."""
    ledger: Ledger = request.app.state.ledger
    with ledger.reading() as connection:
        check = check_schema(connection)
    return json_answer(
        {
            "status": "healthy" if check.ok else "degraded",
            "service": "autopack",
            "version": version("runnotary"),
            "database": "connected" if check.ok else f"error: {check.detail}",
            "db_ok": check.ok,
            "kill_switches": {},
        }
    )


@router.post(
    "/runs/start",
    openapi_extra=body(RunStart, example=STARTING) | HEADERS,
    status_code=201,
    responses=answers({201: RunShown}, *CREATING, takes_body=True),
)
async def start_autopack_run(request: Request) -> Response:
    """Create a run with its tiers and phases."""
    outcome = await recorded(request, creating.start(await body_of(request), asked_by(request)))
    run = await run_in_threadpool(reading.run, request.app.state.ledger, outcome[-1].run.run_id)
    return answered(run, outcome, 201)


@router.post(
    "/runs",
    openapi_extra=body(RunStart, example={**STARTING, "run": {"run_id": "nightly-44"}}) | HEADERS,
    status_code=201,
    responses=answers({201: RunShown}, *CREATING, takes_body=True),
)
async def create_autopack_run(request: Request) -> Response:
    """Create a run: as /runs/start, or with the fields of `run` at the top."""
    return await start_autopack_run(request)


@router.get("/runs", responses=answers({200: RunPage}))
def list_autopack_runs(request: Request, limit: int = 20, offset: int = 0) -> Response:
    """Runs, newest first."""
    return json_answer(reading.run_list(request.app.state.ledger, limit, offset))


@router.get("/runs/{run_id}", responses=answers({200: RunShown}, RunNotFound, Quarantined))
def get_autopack_run(run_id: str, request: Request) -> Response:
    """A run with its tiers and phases."""
    valid_ids(run_id, None)
    return json_answer(reading.run(request.app.state.ledger, run_id))


@router.get("/runs/{run_id}/progress", responses=answers({200: ProgressShown}, RunNotFound, Quarantined))
def get_autopack_progress(run_id: str, request: Request) -> Response:
    """How far a run is."""
    valid_ids(run_id, None)
    return json_answer(reading.progress(request.app.state.ledger, run_id, now()))


@router.get(
    "/dashboard/runs/{run_id}/status", responses=answers({200: DashboardStatus}, RunNotFound, Quarantined)
)
def get_autopack_status(run_id: str, request: Request) -> Response:
    """What the dashboard shows of a run."""
    ledger: Ledger = request.app.state.ledger
    valid_ids(run_id, None)
    return json_answer(views.dashboard(ledger.run(run_id)))
