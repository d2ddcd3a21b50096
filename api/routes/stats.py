"""Figures about all runs, or some."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.figures import Asked
from api.http_refusals import InvalidParameter
from api.ledger import Ledger
from api.paging import json_answer
from api.routes.documents import answers
from api.routes.runs import MARKS, Mark, Words, label_wanted
from api.shapes_of_figures import Figures
from projections.finding import Wanted

router = APIRouter(prefix="/v1", tags=["figures"])


def a_day(text: str) -> str:
    """A day that is in the calendar."""
    date.fromisoformat(text)
    return text


Day = Annotated[
    str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"}), AfterValidator(a_day)
]


class FiguresWanted(BaseModel):
    """Which figures."""

    model_config = ConfigDict(extra="forbid")

    label: list[Words] = Field(
        default_factory=list,
        max_length=20,
        description="Of runs with all of these labels, as name=value, or as name to tell values apart.",
    )
    archived: Mark = Field("any", description="Whether archived runs count; left out, they do.")
    since: Day | None = Field(None, description="The first day of what happened, in UTC.")
    until: Day | None = Field(None, description="The last day of what happened, in UTC.")


@router.get("/stats", responses=answers({200: Figures}))
def stats(request: Request, wanted: Annotated[FiguresWanted, Query()]) -> Response:
    """How runs and phases stand, and what happened to them: failures, attempts, outcomes, tokens."""
    ledger: Ledger = request.app.state.ledger
    if wanted.since and wanted.until and wanted.since > wanted.until:
        raise InvalidParameter([{"in": "query", "name": "until", "detail": "it is before since"}])
    of_runs = Wanted(
        labels=list(dict.fromkeys(map(label_wanted, wanted.label))), archived=MARKS[wanted.archived]
    )
    return json_answer(ledger.figures(Asked(runs=of_runs, since=wanted.since, until=wanted.until)))
