"""The seals over the log."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.ledger import Ledger
from api.paging import Limited, page
from api.routes.documents import answers
from api.shapes import SealList

router = APIRouter(prefix="/v1", tags=["seals"])


class OfSeals(Limited):
    """Which seals."""

    after: int = Field(0, ge=0, le=2**63 - 1, description="Those after this number.")


@router.get("/seals", responses=answers({200: SealList}))
def list_seals(request: Request, wanted: Annotated[OfSeals, Query()]) -> Response:
    """The seals over the log, in order. Keep a copy elsewhere: it shows what was changed here since."""
    ledger: Ledger = request.app.state.ledger
    items = ledger.seals(after=wanted.after, limit=wanted.limit + 1)
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, str(items[-1].number) if more else None, "after")
