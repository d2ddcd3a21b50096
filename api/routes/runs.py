"""Runs and their phases."""

from difflib import get_close_matches
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import commands
from api.history.refusals import NoSuchVersion
from api.ledger import Ledger
from api.paging import NO_NUL, POSITION_MAX, VERSION_MAX, Paged, cursor_of, json_answer, page, place_of
from api.requests import asked_by, body_of, if_match, no_if_match, only_parameters
from api.routes.documents import HEADERS, HEADERS_OF_PROPOSAL, answers, body
from api.shapes import Phase, Run, RunList
from api.shapes_of_moves import Moves
from api.views import phase_view, run_view
from domain.naming import valid_ids
from domain.proposals import NewPhase, NewRun
from domain.refusals import (
    PhaseExists,
    PhaseNotFound,
    Quarantined,
    RunExists,
    RunNotFound,
    RunTerminal,
    TooManyPhases,
    UnknownState,
    UnknownTier,
    VersionMismatch,
)
from domain.states import RunState

router = APIRouter(prefix="/v1/runs", tags=["runs"])

Mark = Literal["false", "true", "any"]
MARKS: dict[Mark, bool | None] = {"false": False, "true": True, "any": None}
Words = Annotated[str, Field(pattern=NO_NUL)]
ADDING = (PhaseExists, TooManyPhases, UnknownTier)


class RunsWanted(Paged):
    """Which runs."""

    state: list[str] = Field(default_factory=list, max_length=20, description="In one of these states.")
    label: list[Words] = Field(
        default_factory=list, max_length=20, description="With all of these labels, as name or name=value."
    )
    tag: list[Words] = Field(
        default_factory=list,
        max_length=20,
        description="With all of these tags on notes, be they on the run or on its phases.",
    )
    q: str | None = Field(
        None, max_length=200, pattern=NO_NUL, description="With this in the run_id or the goal."
    )
    archived: Mark = Field("false", description="Whether archived runs are listed.")
    preserved: Mark = Field("any", description="Whether they are preserved.")
    held: Mark = Field("any", description="Whether they are held.")
    annotated: Mark = Field("any", description="Whether there is a note on the run or on a phase of it.")
    quarantined: Mark = Field("any", description="Whether the run itself waits without a state.")


@router.post(
    "",
    openapi_extra=body(NewRun) | HEADERS,
    status_code=201,
    responses=answers({201: Run}, RunExists, UnknownState, takes_body=True),
)
async def create_run(request: Request) -> Response:
    """Create a run, with its phases if they are known."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    command = commands.creation(await body_of(request), asked_by(request))
    outcome = await ledger.committer.commit_soon(command)
    run = outcome[-1].run
    headers = {"Location": f"/v1/runs/{run.run_id}", "ETag": f'"{run.version}"'}
    if outcome[-1].replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(run_view(run), 201, headers)


@router.get("", responses=answers({200: RunList}, UnknownState))
def list_runs(request: Request, wanted: Annotated[RunsWanted, Query()]) -> Response:
    """Runs, newest first."""
    ledger: Ledger = request.app.state.ledger
    for state in wanted.state:
        if state not in set(RunState):
            known = [str(each) for each in RunState]
            raise UnknownState(state, known, get_close_matches(state.upper(), known, n=2))
    items = ledger.runs(
        states=wanted.state,
        labels=[label_wanted(each) for each in wanted.label],
        tags=wanted.tag,
        text=wanted.q,
        archived=MARKS[wanted.archived],
        preserved=MARKS[wanted.preserved],
        held=MARKS[wanted.held],
        annotated=MARKS[wanted.annotated],
        quarantined=MARKS[wanted.quarantined],
        before=tuple(place_of(wanted.cursor, (str, str))) if wanted.cursor else None,
        limit=wanted.limit + 1,
    )
    more = len(items) > wanted.limit
    items = items[: wanted.limit]
    last = items[-1] if more else None
    return page(request, items, cursor_of(last["created_at"], last["run_id"]) if last else None)


def label_wanted(text: str) -> tuple[str, str | None]:
    """A label as it is asked for: its name, and its value if that matters."""
    name, equals, value = text.partition("=")
    return name, value if equals else None


class Moment(BaseModel):
    """As of when; one of these, or none."""

    model_config = ConfigDict(extra="forbid")

    at_version: int | None = Field(None, ge=1, le=VERSION_MAX, description="As it was at this version.")
    at_time: str | None = Field(
        None, max_length=40, description="As it was at this time (RFC 3339): its last event then or before."
    )
    at_position: int | None = Field(
        None, ge=1, lt=POSITION_MAX, description="As it was when the log had come to this position."
    )


@router.get("/{run_id}", responses=answers({200: Run, 304: None}, RunNotFound, NoSuchVersion, Quarantined))
def get_run(run_id: str, request: Request, then: Annotated[Moment, Query()]) -> Response:
    """A run with its phases: as it stands, or as this call answered at an earlier moment."""
    ledger: Ledger = request.app.state.ledger
    valid_ids(run_id, None)
    moment = then.model_dump(exclude_none=True)
    run = ledger.history.run(run_id, **moment) if moment else ledger.run(run_id)
    etag = f'"{run["version"]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return json_answer(run, headers={"ETag": etag})


@router.post(
    "/{run_id}/phases",
    openapi_extra=body(NewPhase) | HEADERS_OF_PROPOSAL,
    status_code=201,
    responses=answers({201: Phase}, RunNotFound, RunTerminal, VersionMismatch, *ADDING, takes_body=True),
)
async def add_phase(run_id: str, request: Request) -> Response:
    """Add a phase to a run."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    command = commands.addition(run_id, await body_of(request), asked_by(request), if_match(request))
    (recorded,) = await ledger.committer.commit_soon(command)
    phase = recorded.run.phases[recorded.event.phase_id or ""]
    headers = {
        "Location": f"/v1/runs/{run_id}/phases/{phase.phase_id}",
        "ETag": f'"{recorded.run.version}"',
    }
    if recorded.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(phase_view(run_id, phase), 201, headers)


@router.get(
    "/{run_id}/phases/{phase_id}", responses=answers({200: Phase}, RunNotFound, PhaseNotFound, Quarantined)
)
def get_phase(run_id: str, phase_id: str, request: Request) -> Response:
    """A phase as it stands."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    valid_ids(run_id, phase_id)
    return json_answer(ledger.phase(run_id, phase_id))


@router.get("/{run_id}/moves", responses=answers({200: Moves}, RunNotFound, PhaseNotFound, UnknownState))
def get_moves(
    run_id: str,
    request: Request,
    to: Annotated[str | None, Query(description="A state: the shortest legal path to it.")] = None,
    phase_id: Annotated[str | None, Query(description="Of the phases, only this one.")] = None,
) -> Response:
    """What may happen now, what it leads to, and what stands in the way."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request, "to", "phase_id")
    valid_ids(run_id, phase_id)
    return json_answer(ledger.moves(run_id, to=to, phase_id=phase_id))
