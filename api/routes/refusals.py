"""What was refused, and why."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.ledger import Ledger
from api.paging import Paged, cursor_of, page, place_of
from api.routes.documents import answers
from api.shapes_of_moves import RefusalList
from domain.naming import valid_ids
from domain.refusals import RunNotFound

router = APIRouter(prefix="/v1", tags=["refusals"])


@router.get("/runs/{run_id}/refusals", responses=answers({200: RefusalList}, RunNotFound))
def list_run_refusals(run_id: str, request: Request, wanted: Annotated[Paged, Query()]) -> Response:
    """What was refused to a run, newest first."""
    valid_ids(run_id, None)
    return refusals_page(request, wanted, run_id)


@router.get("/refusals", responses=answers({200: RefusalList}))
def list_refusals(request: Request, wanted: Annotated[Paged, Query()]) -> Response:
    """What was refused, newest first. The oldest are let go of in time; the log never is."""
    return refusals_page(request, wanted, None)


def refusals_page(request: Request, wanted: Paged, run_id: str | None) -> Response:
    """A page of refusals."""
    ledger: Ledger = request.app.state.ledger
    before = place_of(wanted.cursor, (int,))[0] if wanted.cursor else None
    items = ledger.refusals(run_id=run_id, before=before, limit=wanted.limit + 1)
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, cursor_of(items[-1]["refusal_id"]) if more else None)
