"""What waits in quarantine."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.ledger import Ledger
from api.paging import Paged, cursor_of, page, place_of
from api.routes.documents import answers
from api.shapes_of_repairs import WaitingList
from domain.naming import valid_ids
from domain.refusals import RunNotFound

router = APIRouter(prefix="/v1", tags=["repairs"])


class WaitingWanted(Paged):
    """Which of it."""

    run_id: str | None = Field(None, description="Of this run only.")


@router.get("/quarantine", responses=answers({200: WaitingList}, RunNotFound))
def list_quarantine(request: Request, wanted: Annotated[WaitingWanted, Query()]) -> Response:
    """The runs and phases without a legal state: what was found, what is suggested, and what repairs it."""
    ledger: Ledger = request.app.state.ledger
    if wanted.run_id is not None:
        valid_ids(wanted.run_id, None)
    after = tuple(place_of(wanted.cursor, (str, str))) if wanted.cursor else None
    items = ledger.repairs.quarantine(run_id=wanted.run_id, after=after, limit=wanted.limit + 1)
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, cursor_of(items[-1]["run_id"], items[-1]["phase_id"] or "") if more else None)
