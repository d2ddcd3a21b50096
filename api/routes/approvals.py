"""Requests for approval. They are made, granted and denied by events of their run."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from api.ledger import Ledger
from api.paging import POSITION_MAX, Paged, cursor_of, json_answer, page, place_of
from api.requests import only_parameters
from api.routes.documents import answers
from api.shapes_of_approvals import ApprovalList, ApprovalShown
from domain.naming import valid_ids
from domain.refusals import ApprovalNotFound

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])


class ApprovalsWanted(Paged):
    """Which requests."""

    status: Literal["pending", "granted", "denied", "expired"] | None = Field(
        None, description="Only those of which this came."
    )
    run_id: str | None = Field(None, description="Only those of this run.")


@router.get("", responses=answers({200: ApprovalList}))
def list_approvals(request: Request, wanted: Annotated[ApprovalsWanted, Query()]) -> Response:
    """Requests for approval, newest first."""
    ledger: Ledger = request.app.state.ledger
    if wanted.run_id is not None:
        valid_ids(wanted.run_id, None)
    items = ledger.approvals.page(
        status=wanted.status,
        run_id=wanted.run_id,
        before=place_of(wanted.cursor, (int,))[0] if wanted.cursor else None,
        limit=wanted.limit + 1,
    )
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, cursor_of(items[-1]["approval_id"]) if more else None)


@router.get("/{approval_id}", responses=answers({200: ApprovalShown}, ApprovalNotFound))
def get_approval(approval_id: Annotated[int, Path(ge=1, lt=POSITION_MAX)], request: Request) -> Response:
    """A request for approval. It is answered by run.approval_granted or run.approval_denied."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    return json_answer(ledger.approvals.one(approval_id))
