"""Proving the record, and making the tables anew from it."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api.ledger import Ledger
from api.paging import json_answer
from api.problems import problem
from api.replay.refusals import RebuildTakenOver, ReplayUnderWay
from api.replay.report import Progress, Report
from api.replay.wanted import Rebuilding, Verification
from api.requests import body_of, only_parameters
from api.routes.documents import answers, body, streamed
from api.shapes_of_replay import ProjectionList, RebuildReport, VerifyReport
from domain.naming import valid_ids
from domain.proposals import validated
from domain.refusals import InvalidBody, Refusal, RunNotFound
from eventstore.seals import Seal, parse

router = APIRouter(prefix="/v1", tags=["replay"])

NDJSON = "application/x-ndjson"


@router.get("/projections", responses=answers({200: ProjectionList}))
def list_projections(request: Request) -> Response:
    """The tables that are made from the log."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    return json_answer({"items": ledger.replay.projections(), "next_cursor": None})


@router.post(
    "/projections/rebuild",
    openapi_extra=body(Rebuilding),
    responses=streamed(answers({200: RebuildReport}, ReplayUnderWay, RebuildTakenOver, takes_body=True)),
)
async def rebuild(request: Request) -> Response:
    """Make tables anew from the log while the service goes on, and put them in place at once."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    wanted = validated(Rebuilding, await body_of(request))
    return await told(request, ledger.replay.rebuild([wanted.projection] if wanted.projection else None))


@router.post(
    "/verify",
    openapi_extra=body(Verification),
    responses=streamed(answers({200: VerifyReport}, RunNotFound, ReplayUnderWay, takes_body=True)),
)
async def verify(request: Request) -> Response:
    """Prove that the log is what was recorded, and that the tables are what it makes them."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    wanted = validated(Verification, await body_of(request))
    if wanted.run_id is not None:
        valid_ids(wanted.run_id, None)
    kept = [kept_seal(raw, i) for i, raw in enumerate(wanted.seals)]
    return await told(request, ledger.replay.verify(since=wanted.since, run_id=wanted.run_id, kept=kept))


def kept_seal(raw: Mapping[str, Any], place: int) -> Seal:
    """A seal of the body.

    Raises:
        InvalidBody: it is none.
    """
    try:
        return parse(orjson.dumps(raw))
    except (ValidationError, TypeError) as error:
        pointer, why = f"/seals/{place}", "it is no seal"
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            pointer, why = "/".join([pointer, *map(str, first["loc"])]), first["msg"]
        raise InvalidBody([{"pointer": pointer, "detail": why}]) from None


async def told(request: Request, steps: Iterator[Progress | Report]) -> Response:
    """A replay as an answer: its report, or line by line how far it is and then its report."""
    first = await run_in_threadpool(next, steps)  # a refusal is told before anything else is
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(lines(request, chain([first], steps)), media_type=NDJSON)
    report = await run_in_threadpool(last, steps)
    return json_answer(report.view())


def last(steps: Iterator[Progress | Report]) -> Report:
    """The report that a replay ends with."""
    (report,) = (step for step in steps if isinstance(step, Report))
    return report


def lines(request: Request, steps: Iterator[Progress | Report]) -> Iterator[bytes]:
    """A replay line by line. What goes wrong in the middle can be told in a last line only."""
    try:
        for step in steps:
            name = "progress" if isinstance(step, Progress) else "report"
            yield orjson.dumps({name: step.view()}, option=orjson.OPT_APPEND_NEWLINE)
    except Refusal as refusal:
        known = {"instance": request.url.path, "request_id": request.state.request_id}
        yield orjson.dumps({"problem": problem(refusal, **known)}, option=orjson.OPT_APPEND_NEWLINE)
