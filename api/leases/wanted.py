"""What executors ask of leases."""

from typing import Annotated

from pydantic import Field, StringConstraints

from domain.events.shared import Label, LeaseSeconds, Line, Model, Positive

Name = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]


class Claim(Model):
    """A phase is wanted, whichever has waited longest."""

    executor: Name = Field(description="Who is going to work on it.")
    lease_seconds: LeaseSeconds = Field(
        description="Seconds without a heartbeat after which the attempt counts as lost."
    )
    labels: dict[Label, Line] = Field(
        default_factory=dict, max_length=64, description="Only of runs that have all of these labels."
    )


class Heartbeat(Model):
    """The executor of an attempt is still at it."""

    attempt: Positive = Field(description="The attempt that it works on.")
