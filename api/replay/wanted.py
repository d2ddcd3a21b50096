"""What callers ask a replay for."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

import projections
from domain.events.shared import Model
from domain.proposals import IdText
from domain.refusals import among

NAMES = [each.TABLE.name for each in projections.ALL]


def known_projection(name: str) -> str:
    """The name, if a projection has it."""
    if name not in NAMES:
        msg = f"there is no such projection; there are: {among(NAMES)}"
        raise ValueError(msg)
    return name


class Verification(Model):
    """What to verify; everything when nothing is said."""

    since: int = Field(
        0, ge=0, le=2**62, description="What came after this position, and the runs that it is about."
    )
    run_id: IdText | None = Field(None, description="Only this run.")
    seals: list[dict[str, Any]] = Field(
        default_factory=list,
        description="A copy of the seals, as GET /v1/seals shows them: the log is to fit it.",
    )


class Rebuilding(Model):
    """Which tables to make anew; every one when nothing is said."""

    projection: Annotated[str, AfterValidator(known_projection)] | None = Field(
        None, description=f"Only this one: {among(NAMES)}.", examples=["runs"]
    )
