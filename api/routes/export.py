"""The whole log, or one run of it, as a file."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.exports import FORMATS, Name, blocks, cloudevents
from api.ledger import Ledger
from api.routes.documents import answers
from domain.naming import valid_ids
from domain.refusals import RunNotFound

router = APIRouter(prefix="/v1", tags=["events"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file in the format that was asked for",
        "content": {made.media_type: {"schema": made.schema} for made in FORMATS.values()},
    }
}


class Wanted(BaseModel):
    """Which events, and how they are written."""

    model_config = ConfigDict(extra="forbid")

    format: Name | None = Field(
        None, description="Left out: cloudevents where the header Accept names its media type, else ndjson."
    )
    run_id: str | None = Field(None, description="The events of this run only.")


@router.get("/export", response_class=StreamingResponse, responses=answers({}, RunNotFound) | FILE)
def export(request: Request, wanted: Annotated[Wanted, Query()]) -> StreamingResponse:
    """The log as it stands at the moment of the request, whole, as a file."""
    ledger: Ledger = request.app.state.ledger
    if wanted.run_id is not None:
        valid_ids(wanted.run_id, None)
    accepts_batch = cloudevents.MEDIA_TYPE in request.headers.get("accept", "")
    made = FORMATS[wanted.format or ("cloudevents" if accepts_batch else "ndjson")]
    snapshot = ledger.snapshot(wanted.run_id)
    name = f"{wanted.run_id or 'runnotary'}.{made.suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(blocks(made.pieces(snapshot)), 200, headers, made.media_type)
