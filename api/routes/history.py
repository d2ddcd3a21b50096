"""The history of a run: what changed, which event set what, when something became so."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.history.expression import LENGTH_MAX
from api.history.refusals import InvalidExpression, NoSuchVersion, UnknownField
from api.ledger import Ledger
from api.paging import VERSION_MAX, json_answer
from api.routes.documents import answers
from api.shapes_of_history import Bisection, Blame, Diff
from domain.naming import valid_ids
from domain.refusals import PhaseNotFound, RunNotFound

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["history"])


class Asked(BaseModel):
    """What a call does not know is refused, so that a slip of the pen is seen."""

    model_config = ConfigDict(extra="forbid")


class Sides(Asked):
    """What is compared with what."""

    start: int | None = Field(
        None,
        alias="from",
        ge=0,
        le=VERSION_MAX,
        description="From this version on; 0 is before the first event. Left out: the version before `to`; "
        "where two runs are compared, as it stands.",
    )
    to: int | None = Field(None, ge=0, le=VERSION_MAX, description="To this version. Left out: as it stands.")
    other: str | None = Field(None, alias="with", description="Compare with this other run, at `to`.")


class Wanted(Asked):
    """Which fields, as of when."""

    field: str | None = Field(
        None,
        max_length=500,
        description="Only this field: usage/tokens_used, or tokens_used where the run has one field that is "
        "called so.",
    )
    phase_id: str | None = Field(None, description="Only fields of this phase.")
    at_version: int | None = Field(None, ge=1, le=VERSION_MAX, description="As it was at this version.")


class Question(Asked):
    """What is to hold."""

    expr: str = Field(
        max_length=LENGTH_MAX,
        description="A JMESPath expression about the run as GET /v1/runs/{run_id} shows it: state == 'GATE'",
        examples=["state == 'GATE'"],
    )


@router.get("/diff", responses=answers({200: Diff}, RunNotFound, NoSuchVersion))
def get_diff(run_id: str, request: Request, sides: Annotated[Sides, Query()]) -> Response:
    """What is different between two versions of a run, or between two runs, field by field."""
    ledger: Ledger = request.app.state.ledger
    valid_ids(run_id, None)
    if sides.other is not None:
        valid_ids(sides.other, None)
    return json_answer(ledger.history.diff(run_id, sides.start, sides.to, other=sides.other))


@router.get(
    "/blame", responses=answers({200: Blame}, RunNotFound, PhaseNotFound, NoSuchVersion, UnknownField)
)
def get_blame(run_id: str, request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
    """Which event set each field last, what was there before, and how often it was set."""
    ledger: Ledger = request.app.state.ledger
    valid_ids(run_id, wanted.phase_id)
    told = ledger.history.blame(run_id, wanted.field, phase_id=wanted.phase_id, at_version=wanted.at_version)
    return json_answer(told)


@router.get("/bisect", responses=answers({200: Bisection}, RunNotFound, InvalidExpression))
def get_bisect(run_id: str, request: Request, question: Annotated[Question, Query()]) -> Response:
    """The first version at which an expression holds, and the event that made it so."""
    ledger: Ledger = request.app.state.ledger
    valid_ids(run_id, None)
    return json_answer(ledger.history.bisect(run_id, question.expr))
