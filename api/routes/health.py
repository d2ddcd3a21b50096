"""Whether the service lives, and whether it can do its work."""

from fastapi import APIRouter, Request, Response

from api.checks import check_schema
from api.ledger import Ledger
from api.paging import json_answer
from api.routes.documents import answers
from api.shapes_of_moves import Health
from api.unavailable import DatabaseUnfit

router = APIRouter(tags=["health"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", responses=answers({200: Health}))
async def livez() -> Response:
    """Whether the process lives. Looks at nothing else."""
    return json_answer({"status": "alive"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=answers({200: Health}))
def readyz(request: Request) -> Response:
    """Whether the database answers, and is one that this program works with."""
    ledger: Ledger = request.app.state.ledger
    with ledger.reading() as connection:
        check = check_schema(connection)
    if not check.ok:
        raise DatabaseUnfit(check.detail)
    return json_answer({"status": "ready"})
