"""How a run came to be as it is, and what would become of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.ledger import Ledger
from api.paging import json_answer
from api.problems import problem
from api.requests import body_of, no_if_match, only_parameters, prefers
from api.routes.documents import answers, body
from api.shapes_of_story import DryRunResult, Story
from api.story_markdown import MEDIA_TYPE, markdown
from api.views import moves_view, run_view, would_view
from domain.naming import valid_ids
from domain.proposals import DryRun
from domain.refusals import PhaseNotFound, RunNotFound, UnknownEvent
from domain.rehearsal import Rehearsal, Rehearsed

router = APIRouter(prefix="/v1/runs/{run_id}")

TOLD: dict[int | str, dict[str, Any]] = answers({200: Story}, RunNotFound, PhaseNotFound)
TOLD[200]["content"] = {MEDIA_TYPE: {"schema": {"type": "string"}}}

VARY = {"Vary": "Accept"}


@router.get("/audit", tags=["runs"], responses=TOLD)
def audit(
    run_id: str,
    request: Request,
    phase_id: Annotated[str | None, Query(description="The story of this phase alone.")] = None,
) -> Response:
    """The story of a run: what happened, what was refused, its attempts, and its time in each state.
    As Markdown where the header Accept prefers text/markdown.
    """
    ledger: Ledger = request.app.state.ledger
    only_parameters(request, "phase_id")
    valid_ids(run_id, phase_id)
    story = ledger.audit(run_id, phase_id=phase_id)
    if prefers(request, MEDIA_TYPE):
        return Response(markdown(story), 200, VARY, f"{MEDIA_TYPE}; charset=utf-8")
    return json_answer(story, headers=VARY)


@router.post(
    "/dry-run",
    tags=["events"],
    openapi_extra=body(DryRun),
    responses=answers({200: DryRunResult}, RunNotFound, UnknownEvent, takes_body=True),
)
async def dry_run(run_id: str, request: Request) -> Response:
    """What would come of proposals, one after another. Nothing is recorded, not even a refusal."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    no_if_match(request)
    valid_ids(run_id, None)
    given = await body_of(request)
    return await run_in_threadpool(
        lambda: json_answer(rehearsal_view(ledger.dry_run(run_id, given), request))
    )


def rehearsal_view(rehearsal: Rehearsal, request: Request) -> dict[str, Any]:
    """What would come of them, and the run as it would be."""
    run = run_view(rehearsal.run) if rehearsal.run.version else None
    return {
        "run_id": rehearsal.run.run_id,
        "at_version": rehearsal.before.version,
        "refused": sum(each.refusal is not None for each in rehearsal.results),
        "results": [result(each, request) for each in rehearsal.results],
        # Only the log gives these.
        "run": run and {name: value for name, value in run.items() if name not in ("position", "head_hash")},
        "moves": moves_view(rehearsal.run, to=None, phase_id=None),
    }


def result(each: Rehearsed, request: Request) -> dict[str, Any]:
    """What would come of one proposal."""
    if each.refusal is not None:
        told = problem(each.refusal, instance=request.url.path, request_id=request.state.request_id)
        return {"status": told["status"], "problem": told}
    if each.repeats is not None:
        return {"status": 200, "repeats": each.repeats, "would": []}
    return {"status": 201, "would": [would_view(event) for event in each.would]}
