"""What callers send, and how it is understood: from plain values to proposals, or a refusal with pointers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from domain.envelopes import Proposal
from domain.events import EVENTS, OPENING
from domain.events.phase import PhaseAdded
from domain.events.shared import (
    PHASES_MAX,
    Count,
    Event,
    Line,
    Model,
    Opening,
    Positive,
    RunConfig,
    Text,
    Tier,
    Time,
)
from domain.moves import RECORDED_BY_SERVICE, entity_of
from domain.naming import ID_PATTERN, is_id, valid_ids
from domain.pointers import errors_of
from domain.refusals import InvalidBody, InvalidId, Refusal, UnknownEvent, UnknownState
from domain.scope import PhaseScope
from domain.states import RunState
from domain.values import keep

M = TypeVar("M", bound=BaseModel)

BATCH_MAX = 1_000
"""Most events in one batch."""

NO_EVENT_ID = {
    "pointer": "/event_id",
    "detail": "leave it out: nothing is recorded, so no id is taken or looked for",
}

IdText = Annotated[str, Field(json_schema_extra={"pattern": ID_PATTERN, "maxLength": 128})]
"""Checked apart from the rest, because a bad id is a refusal of its own."""


class ProposedEvent(Model):
    """An event that an executor asks to have recorded."""

    type: str = Field(description="One of the event types of GET /v1/machine.", examples=["phase.started"])
    phase_id: IdText | None = Field(
        None, description="The phase; needed by every phase event but phase.added."
    )
    attempt: Positive | None = Field(
        None,
        description="The attempt that reports; needed by every event that only the open attempt may cause.",
    )
    data: dict[str, Any] = Field(
        default_factory=dict, description="What the event type takes: GET /v1/schemas."
    )
    occurred_at: Time | None = Field(
        None, description="When it happened, by the executor's clock (RFC 3339)."
    )
    event_id: IdText | None = Field(None, description="The event's id; serves as an idempotency key.")
    expected_version: Count | None = Field(
        None, description="The version that the run is believed to be at; 0 = the run must be new."
    )


class ProposedEventOfRun(ProposedEvent):
    """A proposed event of a batch: it names its run."""

    run_id: IdText


class Batch(Model):
    """Several proposed events in one request."""

    atomic: bool = Field(description="Recorded whole or not at all; else each is judged by itself.")
    events: list[dict[str, Any]] = Field(
        min_length=1, max_length=BATCH_MAX, description="Proposed events, each with its run_id."
    )


class DryRun(Model):
    """Proposed events of one run that are judged, and not recorded."""

    events: list[dict[str, Any]] = Field(
        min_length=1, max_length=BATCH_MAX, description="Proposed events, without run_id and event_id."
    )
    at_version: Count | None = Field(
        None,
        description="The version to start from; 0 = before the first event. Left out: as the run stands.",
    )
    atomic: bool = Field(False, description="Whether all is refused with the first that is; it ends there.")


class NewPhase(Model):
    """A phase to add. Everything has a default."""

    phase_id: IdText | None = Field(None, description="Left out: phaseN-<slug of its name>.")
    name: Line | None = None
    tier_id: IdText | None = None
    scope: PhaseScope | None = None
    max_attempts: Positive | None = Field(None, description="Left out: the run's config.max_attempts.")


class NewRun(Model):
    """A run to create. A run_id or a goal is needed; everything else has a default."""

    run_id: IdText | None = Field(None, description="Left out: made from the goal.", examples=["nightly-42"])
    goal: Text | None = Field(None, examples=["Predict output sizes"])
    state: str = Field(
        RunState.RUN_CREATED.value,
        description=f"The opening state: {', '.join(OPENING)}.",
        examples=["RUN_CREATED"],
    )
    config: RunConfig | None = None
    labels: dict[str, Line] | None = None
    tiers: list[Tier] | None = None
    phases: list[NewPhase] = Field(default_factory=list, max_length=PHASES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """A run to create, understood: its opening event and its phases'."""

    run_id: str | None
    goal: str | None
    opening: Opening
    phases: Sequence[tuple[str | None, PhaseAdded]]


def proposed_event(raw: Mapping[str, Any], run_id: str | None = None) -> Proposal:
    """One proposed event, understood. `run_id` where the body does not name it.

    Raises:
        InvalidBody, InvalidId, UnknownEvent: it cannot be understood.
    """
    keep(raw)
    envelope = validated(ProposedEvent if run_id else ProposedEventOfRun, raw)
    if isinstance(envelope, ProposedEventOfRun):
        run_id = envelope.run_id
    run_id = run_id or ""
    valid_ids(run_id, envelope.phase_id)
    if envelope.event_id is not None and not is_id(envelope.event_id):
        raise InvalidId("event_id", envelope.event_id)
    kind = known_event(envelope.type)
    fits_entity(envelope)
    # What only the service records is refused for that, whatever its data.
    reserved = kind.type in RECORDED_BY_SERVICE
    return Proposal(
        run_id=run_id,
        event=kind.model_construct() if reserved else validated(kind, envelope.data, "/data"),
        phase_id=envelope.phase_id,
        attempt=envelope.attempt,
        occurred_at=envelope.occurred_at,
        event_id=envelope.event_id,
        expected_version=envelope.expected_version,
    )


def known_event(name: str) -> type[Event]:
    """The event type of this name.

    Raises:
        UnknownEvent: there is none.
    """
    if name not in EVENTS:
        raise UnknownEvent(name, get_close_matches(name, EVENTS.keys() - RECORDED_BY_SERVICE, n=2))
    return EVENTS[name]


def fits_entity(envelope: ProposedEvent) -> None:
    """Refuse a run event that names a phase, and a phase event that names none."""
    errors = []
    if entity_of(envelope.type) == "run":
        errors = [
            {"pointer": f"/{name}", "detail": f"{envelope.type} is about the run: leave {name} out"}
            for name in ("phase_id", "attempt")
            if getattr(envelope, name) is not None
        ]
    elif envelope.type == "phase.added":
        if envelope.attempt is not None:
            errors = [{"pointer": "/attempt", "detail": "a phase that is added has no attempt yet"}]
    elif envelope.phase_id is None:
        errors = [{"pointer": "/phase_id", "detail": f"{envelope.type} has to name its phase"}]
    if errors:
        raise InvalidBody(errors)


def new_run(raw: Mapping[str, Any]) -> Creation:
    """A run to create, understood.

    Raises:
        InvalidBody, InvalidId, UnknownState: it cannot be understood.
    """
    keep(raw)
    wanted = validated(NewRun, raw)
    if wanted.run_id is None and not (wanted.goal or "").strip():
        raise InvalidBody([{"pointer": "", "detail": "a run_id or a goal is needed"}])
    if wanted.run_id is not None:
        valid_ids(wanted.run_id, None)
    kind = OPENING.get(RunState(wanted.state)) if wanted.state in set(RunState) else None
    if kind is None:
        close = get_close_matches(wanted.state.upper(), OPENING, n=1)
        raise UnknownState(wanted.state, [str(state) for state in OPENING], close)
    said = {name: raw[name] for name in ("goal", "config", "labels", "tiers") if name in raw}
    return Creation(
        run_id=wanted.run_id,
        goal=wanted.goal,
        opening=validated(kind, said),
        phases=[phase_to_add(phase, f"/phases/{i}") for i, phase in enumerate(raw.get("phases", ()))],
    )


def added_phase(raw: Mapping[str, Any], run_id: str) -> Proposal:
    """A phase to add to a run, understood.

    Raises:
        InvalidBody, InvalidId: it cannot be understood.
    """
    keep(raw)
    validated(NewPhase, raw)
    valid_ids(run_id, None)
    phase_id, event = phase_to_add(raw, "")
    return Proposal(run_id=run_id, event=event, phase_id=phase_id)


def phase_to_add(raw: Mapping[str, Any], pointer: str) -> tuple[str | None, PhaseAdded]:
    """The event that adds this phase."""
    phase_id = raw.get("phase_id")
    if phase_id is not None and not is_id(phase_id):
        raise InvalidId("phase_id", phase_id)
    said = {name: value for name, value in raw.items() if name != "phase_id"}
    return phase_id, validated(PhaseAdded, said, pointer)


def placed(refusal: Refusal, pointer: str) -> Refusal:
    """The refusal of a part of a body, pointing into the whole."""
    if not isinstance(refusal, InvalidBody):
        return refusal
    return InvalidBody([{**each, "pointer": pointer + each["pointer"]} for each in refusal.errors])


def several(raws: Sequence[Mapping[str, Any]]) -> list[Proposal]:
    """Proposed events that are recorded together, understood; each names its run.

    Raises:
        InvalidBody, InvalidId, UnknownEvent: one of them cannot be understood; it is pointed at.
    """
    if len(raws) > BATCH_MAX:
        raise InvalidBody([{"pointer": "/events", "detail": f"at most {BATCH_MAX} events in one batch"}])
    understood = []
    for i, raw in enumerate(raws):
        try:
            understood.append(proposed_event(raw))
        except Refusal as refusal:
            raise placed(refusal, f"/events/{i}") from None
    return understood


def batch(raw: Mapping[str, Any]) -> Batch:
    """A batch, understood as a whole; its events are understood one by one.

    Raises:
        InvalidBody: it is none.
    """
    return validated(Batch, raw)


def dry_run(raw: Mapping[str, Any]) -> DryRun:
    """A dry run, understood as a whole; its events are understood one by one.

    Raises:
        InvalidBody: it is none.
    """
    return validated(DryRun, raw)


def to_rehearse(wanted: DryRun, run_id: str) -> Iterator[Proposal | Refusal]:
    """The events of a dry run, understood; in place of one that cannot be, why not.

    Raises:
        InvalidBody, InvalidId, UnknownEvent: they are atomic, and one of them cannot be understood: as in a
            batch, none of the others is judged then.
    """
    for i, raw in enumerate(wanted.events):
        try:
            proposal = proposed_event(raw, run_id)
            if proposal.event_id is not None:
                raise InvalidBody([NO_EVENT_ID])
        except Refusal as refusal:
            if wanted.atomic:
                raise placed(refusal, f"/events/{i}") from None
            yield refusal
        else:
            yield proposal


def validated(model: type[M], raw: Any, prefix: str = "") -> M:
    """This value as an instance of the model.

    Raises:
        InvalidBody: with a pointer to everything that does not fit.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise InvalidBody(errors_of(error, raw, prefix, model)) from None
