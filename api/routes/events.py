"""Proposing events, and reading those that were recorded."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api import commands
from api.cloudevents import MEDIA_TYPE as CLOUDEVENTS
from api.cloudevents import cloud_event
from api.commands import Recorded
from api.ledger import Ledger
from api.paging import POSITION_MAX, VERSION_MAX, Limited, json_answer, link, page
from api.problems import problem
from api.requests import (
    ANY_VERSION,
    asked_by,
    bad_header,
    body_of,
    expected_version,
    no_if_match,
    only_parameters,
)
from api.routes.documents import HEADERS, HEADERS_OF_PROPOSAL, answers, body
from api.routes.wanted import OfSome
from api.shapes import BatchResult, EventList, Recording
from api.views import event_view, recorded_view
from domain import proposals
from domain.naming import valid_ids
from domain.proposals import Batch, ProposedEvent
from domain.refusals import (
    ApprovalAnswered,
    ApprovalNotFound,
    AttemptRequired,
    AttemptsExhausted,
    BudgetExhausted,
    IdempotencyKeyReused,
    IllegalMove,
    PhaseExists,
    PhaseNotFound,
    PhasesOpen,
    Quarantined,
    Refusal,
    ReservedEvent,
    RunHeld,
    RunNotExecuting,
    RunNotFound,
    RunPreserved,
    RunTerminal,
    StaleAttempt,
    TooManyPhases,
    UnknownEvent,
    UnknownTier,
    VersionMismatch,
)

router = APIRouter(prefix="/v1", tags=["events"])

REFUSED = (
    RunNotFound,
    PhaseNotFound,
    IllegalMove,
    RunTerminal,
    RunNotExecuting,
    RunHeld,
    StaleAttempt,
    AttemptRequired,
    AttemptsExhausted,
    PhasesOpen,
    BudgetExhausted,
    RunPreserved,
    ApprovalNotFound,
    ApprovalAnswered,
    PhaseExists,
    TooManyPhases,
    UnknownTier,
    Quarantined,
    VersionMismatch,
    UnknownEvent,
    ReservedEvent,
    IdempotencyKeyReused,
)


class OfRun(Limited):
    """Which events of a run."""

    after_version: int = Field(0, ge=0, le=VERSION_MAX, description="Those after this version.")


class OfLog(Limited, OfSome):
    """Which events of the log."""

    after: int = Field(0, ge=0, lt=POSITION_MAX, description="Those after this position.")
    newest: bool = Field(
        False, description="The newest of them instead of the first, in the same order; no page comes after."
    )


@router.post(
    "/runs/{run_id}/events",
    openapi_extra=body(ProposedEvent) | HEADERS_OF_PROPOSAL,
    responses=answers({200: Recording, 201: Recording}, *REFUSED, takes_body=True),
)
async def propose_event(run_id: str, request: Request) -> Response:
    """Propose an event: 201, also when its key comes again; 200 when it only repeats an earlier report."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    # A run is never taken away again, so that looking first is as good as looking under the lock.
    if request.headers.get("if-match") == ANY_VERSION and not await run_in_threadpool(ledger.has_run, run_id):
        raise bad_header("If-Match", "there is no such run, and so no version of it")
    given = expected_version(request, await body_of(request))
    command = commands.proposal(run_id, given, asked_by(request))
    (recorded,) = await ledger.committer.commit_soon(command)
    headers = {"ETag": f'"{recorded.run.version}"'}
    if recorded.replayed:
        headers["Idempotent-Replayed"] = "true"
    status = 200 if recorded.repeats else 201
    return json_answer(recorded_view(recorded), status, headers)


@router.post(
    "/events",
    openapi_extra=body(Batch) | HEADERS,
    responses=answers({200: BatchResult, 201: BatchResult}, *REFUSED, takes_body=True),
)
async def propose_events(request: Request) -> Response:
    """Propose several events: atomic, recorded whole or not at all (201); else each by itself (200)."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    given, asked = await body_of(request), asked_by(request)
    batch = proposals.batch(given)
    if batch.atomic:
        outcome = await ledger.committer.commit_soon(commands.atomic(batch.events, asked))
        results = [result(recorded) for recorded in outcome]
        headers = {"Idempotent-Replayed": "true"} if all(each.replayed for each in outcome) else {}
        return json_answer({"results": results}, 201, headers)
    outcomes = await ledger.committer.commit_all_soon(commands.separate(batch.events, asked))
    told = [refused(each, request) if isinstance(each, Refusal) else result(each[0]) for each in outcomes]
    return json_answer({"results": told})


def result(recorded: Recorded) -> dict[str, Any]:
    """What came of one proposal of a batch."""
    status = 200 if recorded.repeats else 201
    return {"status": status, "replayed": recorded.replayed, **recorded_view(recorded)}


def refused(refusal: Refusal, request: Request) -> Mapping[str, Any]:
    """Why one proposal of a batch was not recorded."""
    told = problem(refusal, instance=request.url.path, request_id=request.state.request_id)
    return {"status": told["status"], "problem": told}


@router.get("/runs/{run_id}/events", responses=answers({200: EventList}, RunNotFound))
def list_run_events(run_id: str, request: Request, wanted: Annotated[OfRun, Query()]) -> Response:
    """The events of a run, in order."""
    ledger: Ledger = request.app.state.ledger
    valid_ids(run_id, None)
    items = ledger.events_of(run_id, after_version=wanted.after_version, limit=wanted.limit + 1)
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, str(items[-1]["version"]) if more else None, "after_version")


@router.get("/events", responses=answers({200: EventList}, RunNotFound, UnknownEvent))
def read_log(request: Request, wanted: Annotated[OfLog, Query()]) -> Response:
    """The log, in commit order. Positions have no holes, so a reader that moves forward misses nothing."""
    ledger: Ledger = request.app.state.ledger
    more_than = 0 if wanted.newest else 1
    items = ledger.log(
        after=wanted.after, limit=wanted.limit + more_than, wanted=wanted.wanted(), newest=wanted.newest
    )
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    next_cursor = str(items[-1].position) if more else None
    if CLOUDEVENTS in request.headers.get("accept", ""):
        schemas = f"{request.base_url}v1/schemas/"
        told = [cloud_event(event, schemas) for event in items]
        return Response(orjson.dumps(told), 200, link(request, next_cursor, "after"), CLOUDEVENTS)
    return page(request, [event_view(event) for event in items], next_cursor, "after")
