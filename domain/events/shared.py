"""What events have in common: the limits of their fields, and the shapes that several of them share."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from domain.naming import ID_PATTERN
from domain.scope import PhaseScope
from domain.times import normalised

PHASES_MAX = 1_000
"""Most phases that any run takes."""

LEASE_SECONDS_MAX = 604_800
"""Longest lease that any attempt gets: a week."""

TIERS_MAX = 1_000
"""Most tiers that any run has."""

TRIES_MAX = 1_000_000
"""Most attempts or revisions that a phase is believed to have had elsewhere."""

INTEGER_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""

Text = Annotated[str, StringConstraints(max_length=20_000)]
Line = Annotated[str, StringConstraints(max_length=500)]
Filled = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"\S")]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=128)]
Count = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Positive = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
Time = Annotated[str, AfterValidator(normalised), Field(json_schema_extra={"format": "date-time"})]
LeaseSeconds = Annotated[int, Field(ge=1, le=LEASE_SECONDS_MAX)]
# A limit of its own beside one that comes with the type would not hold: pydantic keeps the last.
Phases = Annotated[int, Field(ge=1, le=PHASES_MAX)]
Tries = Annotated[int, Field(ge=0, le=TRIES_MAX)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Model(BaseModel):
    """Frozen, strict, and refusing what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RunConfig(Model):
    """The limits and the profile that a run works under; frozen when the run is created."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token_cap": 300_000, "max_attempts": 3}]})

    safety_profile: Line = Field("normal", description="normal or safety_critical; other words are kept.")
    run_scope: Line = Field("multi_tier", description="multi_tier or single_tier; other words are kept.")
    token_cap: Count = Field(5_000_000, description="Tokens; once they are used up no phase starts.")
    max_phases: Phases = Field(25, description="Most phases that the run takes.")
    max_duration_minutes: Positive = Field(120, description="Minutes that the run is meant to take.")
    max_attempts: Positive = Field(5, description="Attempts for a phase that does not say its own.")


class Tier(Model):
    """A named group of phases. Its state is derived from them."""

    tier_id: Id
    name: Line | None = None
    description: Text | None = None


class Event(Model):
    """What every event may carry: why it happened."""

    type: ClassVar[str]
    type_version: ClassVar[int] = 1
    example: ClassVar[dict[str, Any]] = {}

    reason: Text | None = Field(None, description="Why, for those who read the history.")


def named_once(tiers: list[Tier]) -> list[Tier]:
    """Refuse tiers of which two have the same id."""
    ids = [tier.tier_id for tier in tiers]
    if twice := [tier_id for tier_id in ids if ids.count(tier_id) > 1]:
        msg = f"the tier {twice[0]} comes twice"
        raise ValueError(msg)
    return tiers


Tiers = Annotated[list[Tier], AfterValidator(named_once)]


class Opening(Event):
    """Describes the run. What is left out is unchanged, and has its default where the run is new."""

    goal: Text | None = Field(None, description="What the run is to reach.")
    config: RunConfig | None = None
    labels: dict[Label, Line] | None = Field(None, max_length=64)
    tiers: Tiers | None = Field(None, max_length=TIERS_MAX)


class Note(Event):
    """A note. It changes neither a state nor any failure figure."""

    text: Filled = Field(description="The note.")
    tags: list[Label] = Field(default_factory=list, max_length=64)


class Spent(Model):
    """What was spent."""

    tokens_used: Count = 0
    ci_runs_used: Count = 0
    minor_issues: Count = 0
    major_issues: Count = 0


class Usage(Spent, Event):
    """What was spent, as increments."""


class PhaseDescription(Event):
    """What a phase is."""

    name: Line | None = Field(None, description="For people.")
    tier_id: Id | None = Field(None, description="The tier of the run that it belongs to.")
    scope: PhaseScope | None = Field(None, description="What the phase is about.")
    max_attempts: Positive | None = Field(None, description="Attempts; the run's config when left out.")


class Result(Event):
    """A result of a builder or an auditor, kept whole."""

    result: dict[str, Any] | None = Field(None, description="As the executor gave it.")
