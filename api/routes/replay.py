"""Proving the record, and making the tables anew from it."""

from collections.abc import AsyncIterator, Mapping
from threading import Lock
from typing import Any

import orjson
from anyio import CancelScope
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.ledger import Ledger
from api.paging import json_answer
from api.problems import problem
from api.replay.refusals import OwnerNeeded, RebuildTakenOver, ReplayUnderWay, TablesInUse
from api.replay.report import Progress, Report, Steps
from api.replay.wanted import Rebuilding, Verification
from api.requests import body_if_any, only_parameters
from api.routes.documents import answers, body, streamed
from api.shapes_of_replay import ProjectionList, RebuildReport, VerifyReport
from domain.naming import valid_ids
from domain.proposals import validated
from domain.refusals import InvalidBody, Refusal, RunNotFound
from eventstore.seals import Seal, parse

router = APIRouter(prefix="/v1", tags=["replay"])

NDJSON = "application/x-ndjson"
NOT_REBUILT = (ReplayUnderWay, RebuildTakenOver, TablesInUse, OwnerNeeded)


@router.get("/projections", responses=answers({200: ProjectionList}))
def list_projections(request: Request) -> Response:
    """The tables that are made from the log."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    return json_answer({"items": ledger.replay.projections(), "next_cursor": None})


@router.post(
    "/projections/rebuild",
    openapi_extra=body(Rebuilding, required=False),
    responses=streamed(answers({200: RebuildReport}, *NOT_REBUILT, takes_body=True)),
)
async def rebuild(request: Request) -> Response:
    """Make tables anew from the log while the service goes on, and put them in place at once."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    wanted = validated(Rebuilding, await body_if_any(request))
    return await told(request, ledger.replay.rebuild([wanted.projection] if wanted.projection else None))


@router.post(
    "/verify",
    openapi_extra=body(Verification, required=False),
    responses=streamed(answers({200: VerifyReport}, RunNotFound, ReplayUnderWay, takes_body=True)),
)
async def verify(request: Request) -> Response:
    """Prove that the log is what was recorded, and that the tables are what it makes them."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    wanted = validated(Verification, await body_if_any(request))
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


async def told(request: Request, steps: Steps) -> Response:
    """A replay as an answer: its report, or line by line how far it is and then its report."""
    replay = Attended(steps)
    step = await replay.go_on()  # a refusal is told before anything else is
    if NDJSON in request.headers.get("accept", ""):
        return Told(request, step, replay)
    try:
        while not isinstance(step, Report):
            if await request.is_disconnected():
                raise ClientDisconnect
            step = await replay.go_on()
    finally:
        await replay.end()
    return json_answer(step.view())


class Attended:
    """A replay that goes on, in threads, as long as somebody waits for it."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._lock = Lock()

    async def go_on(self) -> Progress | Report | None:
        """Do the next step; None when there is none."""
        return await run_in_threadpool(self._next)

    async def end(self) -> None:
        """Give up what is not done yet; also when whoever waits is cancelled."""
        with CancelScope(shield=True):
            await run_in_threadpool(self._close)

    def _next(self) -> Progress | Report | None:
        with self._lock:
            return next(self._steps, None)

    def _close(self) -> None:
        with self._lock:  # a step that nobody waits for any more is still being done
            self._steps.close()


class Told(StreamingResponse):
    """A replay line by line."""

    def __init__(self, request: Request, step: Progress | Report | None, replay: Attended) -> None:
        super().__init__(lines(request, step, replay), media_type=NDJSON)
        self.replay = replay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines; the replay ends with them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.replay.end()


async def lines(request: Request, step: Progress | Report | None, replay: Attended) -> AsyncIterator[bytes]:
    """The lines of a replay. What goes wrong in the middle can be told in a last line only."""
    try:
        while step is not None:
            name = "progress" if isinstance(step, Progress) else "report"
            yield orjson.dumps({name: step.view()}, option=orjson.OPT_APPEND_NEWLINE)
            step = await replay.go_on()
    except Refusal as refusal:
        known = {"instance": request.url.path, "request_id": request.state.request_id}
        yield orjson.dumps({"problem": problem(refusal, **known)}, option=orjson.OPT_APPEND_NEWLINE)
