"""The log as it grows."""

import re
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.feeds.streamed import Streamed
from api.feeds.wire import NDJSON, SSE
from api.http_refusals import InvalidParameter
from api.ledger import Ledger
from api.paging import POSITION_MAX
from api.requests import bad_header, prefers
from api.routes.documents import answers, header
from api.routes.wanted import OfSome
from domain.refusals import RunNotFound, UnknownEvent

router = APIRouter(prefix="/v1", tags=["events"])

POSITION = re.compile(r"[0-9]{1,19}\Z", re.ASCII)

LAST_EVENT_ID = header("Last-Event-ID", "The id that came last: what comes after it. Goes before `after`.")
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events, or lines of JSON where the header Accept prefers them",
        "content": {wire.media_type: {"schema": {"type": "string"}} for wire in (SSE, NDJSON)},
    }
}


class OfStream(OfSome):
    """Which events, and from where."""

    after: int | None = Field(
        None, ge=0, lt=POSITION_MAX, description="Those after this position. Left out: those yet to come."
    )


@router.get(
    "/events/stream",
    response_class=StreamingResponse,
    openapi_extra={"parameters": [LAST_EVENT_ID]},
    responses=answers({}, RunNotFound, UnknownEvent) | STREAM,
)
async def stream_events(request: Request, wanted: Annotated[OfStream, Query()]) -> Response:
    """The log as it grows: each event once, in order, when it is committed. It has no end."""
    ledger: Ledger = request.app.state.ledger
    chosen = wanted.wanted()
    if chosen.run_id is not None:
        await run_in_threadpool(partial(ledger.log, after=0, limit=1, wanted=chosen))
    place = await place_of(request, wanted.after, ledger)
    cut = partial(getattr(request.app.state, "hang_up", unheard), request.client)
    ledger.feeds.admit(cut)
    wire = NDJSON if prefers(request, NDJSON.media_type, over=SSE.media_type) else SSE
    return Streamed(ledger.feeds, place, chosen, wire, ledger.settings.stream_stall_seconds, cut)


def unheard(_: object) -> None:
    """Where another server than ours serves, it has to cut connections by itself."""


async def place_of(request: Request, after: int | None, ledger: Ledger) -> int:
    """The position after which a stream starts.

    Raises:
        InvalidParameter: it is none, or one that the log has not come to.
    """
    end = await ledger.feeds.log_end()
    given = ", ".join(request.headers.getlist("last-event-id"))
    beyond = f"the log ends at {end}: that position is of another log, or of one that was restored since"
    if "last-event-id" in request.headers:
        if not POSITION.match(given):
            raise bad_header("Last-Event-ID", "an id of this stream, which is a position, as 1234")
        if int(given) > end:
            raise bad_header("Last-Event-ID", beyond)
        return int(given)
    if after is not None and after > end:
        raise InvalidParameter([{"in": "query", "name": "after", "detail": beyond}])
    return end if after is None else after
