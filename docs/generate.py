"""Write the reference pages that follow from the code: `python docs/generate.py`; `--check` only compares."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from json import dumps
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import typer
from pydantic import BaseModel
from sqlalchemy import Column, Table

import projections
from api import http_refusals as http
from api import unavailable
from api.app import create_app
from api.cli import app as command_line
from api.diagram import mermaid
from api.feeds import refusals as feeds
from api.history import refusals as history
from api.legacy.findings import ACTIONS, CODES
from api.legacy.mapping import MEANINGS
from api.legacy.scopes import TEXT, VALUE
from api.legacy.values import BYTES, BYTES_MAX, NUMBER, TOO_LONG
from api.prepare import TABLES
from api.problems import problem
from api.replay import refusals as replay
from api.settings import Settings
from api.shapes import Event as RecordedEvent
from api.webhooks import refusals as webhooks
from domain import refusals
from domain.decide import OF_OPEN_ATTEMPT
from domain.events import EVENTS
from domain.events.shared import INTEGER_MAX, Event, RunConfig, Tier
from domain.events.taken_over import Finding, Source, StateMapping
from domain.moves import (
    ANY,
    EVERY_PHASE,
    EVERY_RUN,
    NONE,
    OPEN_RUN,
    PHASE_MOVES,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    RUN_MOVES,
    STAYS,
    Entity,
    Move,
    entity_of,
)
from domain.proposals import ProposedEvent
from domain.refusals import Refusal
from domain.scope import PhaseScope
from domain.states import DONE_FAILED
from eventstore import documentation
from eventstore.schema import events as log
from eventstore.schema.log import EventType

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/generate.py from the code; `make docs` renews it. -->"
WIDTH = 120
WIDTH_OF_HELP = 100
LONG = 80
"""Characters of an example that fit into a table."""


def paragraph(*texts: str) -> Iterator[str]:
    """Headings and paragraphs."""
    for text in texts:
        yield (
            text
            if text.startswith("#")
            else fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        )
        yield ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in row)
        yield f"| {' | '.join(cells)} |".replace("|  ", "| ").replace("|  ", "| ")
    yield ""


def block(language: str, text: str) -> Iterator[str]:
    """A block of code."""
    yield from (f"```{language}", text.rstrip("\n"), "```", "")


def json_block(value: object) -> Iterator[str]:
    """A JSON document."""
    return block("json", dumps(value, indent=2, ensure_ascii=False))


def code(text: object) -> str:
    """A word of the code."""
    return f"`{text}`"


# --- moves ---

EVERY = {
    frozenset(EVERY_RUN): "every state",
    frozenset(EVERY_PHASE): "every state",
    frozenset(OPEN_RUN): "every state that is not `DONE_*`",
    frozenset(DONE_FAILED): "every `DONE_FAILED_*` state",
    frozenset((*EVERY_RUN, QUARANTINED)): "every state, and quarantine",
    frozenset((*EVERY_PHASE, QUARANTINED)): "every state, and quarantine",
}
LEADS_TO = {STAYS: "(stays)", ANY: "the state in its data", QUARANTINED: "quarantine"}
ENTITIES: dict[Entity, tuple[str, tuple[Move, ...]]] = {
    "run": ("Runs", RUN_MOVES),
    "phase": ("Phases", PHASE_MOVES),
}


def moves() -> Iterator[str]:
    """The tables of legal moves, and their diagrams."""
    yield from paragraph(
        "# Moves",
        "What happens, while what, leading where: the rows of `domain/moves.py`. The table `legal_moves` of "
        "the database and `GET /v1/machine` hold the same ones. What else may stand in the way of a move "
        "that is legal by this table is among the [refusals](refusals.md).",
    )
    for entity, (title, rows) in ENTITIES.items():
        yield from paragraph(f"## {title}")
        yield from move_table(m for m in rows if m.leads_to not in LEADS_TO)
        yield from paragraph("These move nothing:")
        yield from move_table(m for m in rows if m.leads_to == STAYS)
        yield from paragraph(
            "These set a state outside the moves, or none. Only the service itself records them; whoever "
            "proposes one is refused with [`reserved-event`](refusals.md#reserved-event):"
        )
        yield from move_table(m for m in rows if m.event in RECORDED_BY_SERVICE)
        yield from block("mermaid", mermaid(entity))
    yield from paragraph(
        "## Tiers", "The state of a tier is derived from its phases. Of these, the first that fits:"
    )
    yield from (
        "1. every phase COMPLETE or SKIPPED: `COMPLETE`, or `SKIPPED` where all are skipped;",
        "2. a phase FAILED: `FAILED`;",
        "3. a phase that was ever started, or is not QUEUED: `IN_PROGRESS`;",
        "4. all else, and a tier without phases: `PENDING`.",
    )


def move_table(rows: Iterable[Move]) -> Iterator[str]:
    """Rows of the table of moves."""
    told = ((linked(move.event), while_what(move), leading_to(move)) for move in rows)
    return table(("What happens", "While", "Leads to"), told)


def linked(event: str) -> str:
    """An event, with a link to what it means."""
    return f"[{code(event)}](events.md#{event.replace('.', '')})"


def while_what(move: Move) -> str:
    """The states in which something may happen."""
    if (every := EVERY.get(frozenset(move.sources))) is not None:
        return every
    return ", ".join("(not there yet)" if source == NONE else code(source) for source in move.sources)


def leading_to(move: Move) -> str:
    """The state that something leads to."""
    return LEADS_TO.get(move.leads_to) or code(move.leads_to)


# --- events ---

PARTS = {
    "RunConfig": "config",
    "Tier": "tier",
    "PhaseScope": "scope",
    "Source": "source",
    "Finding": "finding",
    "StateMapping": "mapping",
}
"""Parts of events that have a section of their own."""

LINKS = {name: f"[{title}](events.md#{title})" for name, title in PARTS.items()} | {
    "RunState": "a [state of a run](moves.md#runs)",
    "PhaseState": "a [state of a phase](moves.md#phases)",
}

RECORDED = {column.name: column.comment or "" for column in log.columns}
RECORDED |= {"data": "What the event type holds; see below.", "hash": f"{RECORDED['hash']} [How](chain.md)."}


def events() -> Iterator[str]:
    """Every event: what it means, what its data hold, an example."""
    yield from paragraph(
        "# Events",
        "What an executor proposes, what is in the log, and what the data of each event type hold. Fields "
        "that are not listed are refused. Every event may carry a `reason`: text, why it happened. The same "
        "as JSON Schema: `GET /v1/schemas`.",
        "## A proposed event",
    )
    yield from field_table(ProposedEvent.model_json_schema())
    yield from paragraph("## A recorded event")
    shown = RecordedEvent.model_json_schema()["properties"]
    rows = ((code(name), held(told), RECORDED[name]) for name, told in shown.items())
    yield from table(("Field", "Holds", "Meaning"), rows)
    for entity, (_, moves_of_entity) in ENTITIES.items():
        yield from paragraph(f"## Events of a {entity}")
        for move in moves_of_entity:
            yield from event_entry(EVENTS[move.event], move)
    yield from paragraph("## Parts")
    for model in (RunConfig, Tier, PhaseScope, Source, Finding, StateMapping):
        yield from part_entry(model)


def event_entry(event: type[Event], move: Move) -> Iterator[str]:
    """What there is to know of one event type."""
    reserved = event.type in RECORDED_BY_SERVICE
    yield from paragraph(
        f"### {event.type}",
        f"{documented(event)} While: {while_what(move)}. Leads to: {leading_to(move)}."
        + (" Only the service itself records it." if reserved else ""),
    )
    schema = event.model_json_schema()
    if "reason" not in schema.get("required", []):
        del schema["properties"]["reason"]
    if schema["properties"]:
        yield from field_table(schema)
    if reserved:
        return
    named: dict[str, Any] = {"phase_id": PHASE} if entity_of(event.type) == "phase" else {}
    if event.type in OF_OPEN_ATTEMPT:
        named["attempt"] = 1
    data = {"data": event.example} if event.example else {}
    yield from json_block({"type": event.type, **named, **data})


def part_entry(model: type[BaseModel]) -> Iterator[str]:
    """What there is to know of a part that several events have."""
    schema = model.model_json_schema()
    yield from paragraph(f"### {PARTS[model.__name__]}", documented(model))
    if schema["additionalProperties"]:
        yield from paragraph("Other keys are kept as they come; one of these with another type is refused.")
    yield from field_table(schema)
    for example in schema.get("examples", []):
        yield from json_block(example)


def documented(thing: object) -> str:
    """What its docstring says."""
    return " ".join((thing.__doc__ or "").split())


def field_table(schema: Mapping[str, Any], parts: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The fields of a model, from its JSON Schema."""
    parts = schema.get("$defs", {}) if parts is None else parts
    required = schema.get("required", [])
    rows = (
        (code(name), kind_of(told, parts), REQUIRED if name in required else default_of(told), said_of(told))
        for name, told in schema["properties"].items()
    )
    return table(("Field", "Takes", "Left out", "Meaning"), rows)


REQUIRED = "(required)"


def said_of(told: Mapping[str, Any]) -> str:
    """What a field means."""
    return str(told.get("description", ""))


def default_of(told: Mapping[str, Any]) -> str:
    """What a field is when it is left out."""
    return code(dumps(told["default"])) if told.get("default") is not None else ""


def kind_of(told: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if "$ref" in told:
        return part_named(told["$ref"].rpartition("/")[2], parts)
    if "anyOf" in told:
        kinds = [kind_of(each, parts) for each in told["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in told:
        return " or ".join(map(code, told["enum"]))
    match told.get("type"):
        case "array":
            return f"list{limits(told, 'Items')} of {kind_of(told['items'], parts)}"
        case "object" if isinstance(inner := told.get("additionalProperties"), dict):
            return f"object{limits(told, 'Properties')} of {kind_of(inner, parts)}"
        case _:
            return scalar(told)


def scalar(told: Mapping[str, Any]) -> str:
    """What a field of one value takes."""
    if told.get("format") == "date-time":
        return "time"
    if str(told.get("pattern", "")).startswith("^[A-Za-z0-9]"):
        return "id"
    words = {"string": "text", "integer": "whole number", "boolean": "`true` or `false`"}
    bounds = limits(told, "Length") or limits(told, "imum")
    kind = told.get("type", "anything")
    return f"{words.get(kind, kind)}{bounds}"


def part_named(name: str, parts: Mapping[str, Any]) -> str:
    """A part of a schema that has a name of its own."""
    return LINKS.get(name) or f"object: {', '.join(map(code, parts[name]['properties']))}"


def limits(told: Mapping[str, Any], of: str) -> str:
    """The limits of a field: how many, how long, how large."""
    low, high = told.get(f"min{of}"), told.get(f"max{of}")
    unit = {"Length": " characters", "Items": "", "Properties": ""}.get(of, "")
    shown = "2^53 - 1" if high == INTEGER_MAX else f"{high:,}" if high else ""
    if low is None:
        return f" (at most {shown}{unit})" if shown else ""
    return f" ({low:,} to {shown}{unit})" if shown else f" ({low:,} or more)" if low else ""


# --- refusals ---

RUN, PHASE = "nightly-42", "phase1-build"
REPAIR = "9f2c1d3e4a5b"
INSTANCE = f"/v1/runs/{RUN}/events"
REQUEST_ID = "019ab3c1-5f00-7000-8000-000000000001"
FIRST_AT, LAST_AT = "2026-11-22T10:00:00.000000Z", "2026-11-22T10:05:00.000000Z"
IN_BODY = [{"pointer": "/data/tokens_used", "detail": "Input should be greater than or equal to 0"}]
IN_QUERY = [{"in": "query", "name": "limit", "detail": "Input should be less than or equal to 500"}]


class Case(NamedTuple):
    """When a refusal comes, and one of its kind."""

    when: str
    refusal: Refusal


REFUSALS: dict[str, tuple[Case, ...]] = {
    "What was asked cannot be understood": (
        Case(
            "The body is not what the call takes: a wrong type, an unknown field, a field that is missing, "
            "or a value that could not be given back as it came.",
            refusals.InvalidBody(IN_BODY),
        ),
        Case(
            "A run_id, phase_id or event_id has not the form of an id, or a phase is to have its run's id.",
            refusals.InvalidId("run_id", "nightly 42"),
        ),
        Case("No event is called that.", refusals.UnknownEvent("phase.completd", ["phase.completed"])),
        Case(
            "A state is named that does not exist, or that cannot be named here.",
            refusals.UnknownState("READY", ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED"], []),
        ),
        Case(
            "An event is proposed that only the service itself records.",
            refusals.ReservedEvent("run.repaired", ["run.phases_queued", "run.execution_started"]),
        ),
    ),
    "What it is about is not there, is there already, or has no state": (
        Case("No run has this id.", refusals.RunNotFound("nightly-24", [RUN])),
        Case("The run has no phase with this id.", refusals.PhaseNotFound(RUN, "phase1-biuld", [PHASE])),
        Case("Nobody waits for this answer.", refusals.ApprovalNotFound(7, RUN, [9, 12])),
        Case("A run is to be created under an id that is taken.", refusals.RunExists(RUN, "RUN_CREATED", 3)),
        Case("A phase is to be added under an id that is taken.", refusals.PhaseExists(RUN, PHASE, "QUEUED")),
        Case(
            "The run or the phase was imported without a legal state. `call` proposes the repair.",
            refusals.Quarantined(
                RUN, None, 1, "READY", "RUN_CREATED", [{"code": "illegal-run-state", "value": "READY"}]
            ),
        ),
    ),
    "What the machine and its guards say": (
        Case(
            "The [table of moves](moves.md) has no row for this event in this state.",
            refusals.IllegalMove(
                RUN, "phase.started", "GATE", ["phase.revised", "phase.completed"], ["QUEUED"], PHASE, 5
            ),
        ),
        Case(
            "The run is in a `DONE_*` state, and the event is about a phase (`phase.annotated` is taken) or "
            "is `run.usage_recorded`.",
            refusals.RunTerminal(RUN, "phase.started", "DONE_FAILED_ENVIRONMENT", 9),
        ),
        Case(
            "A phase is to start while its run is not in PHASE_EXECUTION, GATE, CI_RUNNING or "
            "SNAPSHOT_CREATED.",
            refusals.RunNotExecuting(RUN, PHASE, "RUN_CREATED", ["run.execution_started"]),
        ),
        Case("A phase is to start while its run is held.", refusals.RunHeld(RUN, PHASE)),
        Case(
            "An event or a heartbeat names an attempt that is not the current one, or is over. Notes, usage "
            "and results may come from an earlier one.",
            refusals.StaleAttempt(
                RUN,
                PHASE,
                "phase.completed",
                1,
                2,
                "EXECUTING",
                "its lease of 300 s ran out at 2026-11-22T10:05:00.000000Z; no heartbeat came.",
            ),
        ),
        Case(
            "An event that only the open attempt may bring about names no attempt.",
            refusals.AttemptRequired(RUN, PHASE, "phase.completed", 1),
        ),
        Case(
            "A phase is to start that has had its `max_attempts` attempts.",
            refusals.AttemptsExhausted(RUN, PHASE, 5, 5),
        ),
        Case(
            "A phase is to be added to a run that has `config.max_phases` of them.",
            refusals.TooManyPhases(RUN, 25),
        ),
        Case(
            "A phase is to be added to a tier that its run lacks.",
            refusals.UnknownTier(RUN, "T9", ["T1"]),
        ),
        Case(
            "`run.succeeded` is proposed while a phase is neither COMPLETE nor SKIPPED.",
            refusals.PhasesOpen(RUN, {PHASE: "EXECUTING"}),
        ),
        Case(
            "A phase is to start when `config.token_cap` tokens, or more, are used.",
            refusals.BudgetExhausted(RUN, PHASE, 300_000, 300_000),
        ),
        Case(
            "`run.archived` is proposed for a run that is preserved.", refusals.RunPreserved(RUN, "baseline")
        ),
        Case(
            "A request for approval is answered that has its answer.",
            refusals.ApprovalAnswered(RUN, 7, "granted", "cli:ann"),
        ),
    ),
    "What stands against a repair": (
        Case("No repair has this id.", refusals.RepairNotFound("9f2c1d3e4a5c")),
        Case(
            "A repair is proposed to the state that the run or phase is in.",
            refusals.NothingToRepair(RUN, "COMPLETE", PHASE),
        ),
        Case(
            "A repair is approved whose run has had an event since it was proposed.",
            refusals.RepairOutOfDate(
                REPAIR,
                RUN,
                4,
                5,
                {"run_id": RUN, "phase_id": PHASE, "state": "COMPLETE", "reason": "the tool crashed"},
            ),
        ),
        Case(
            "A repair is approved or rejected that was decided in the other way, or by somebody else.",
            refusals.RepairDecided(REPAIR, RUN, "approved", "grace", LAST_AT),
        ),
        Case(
            "[`RUNNOTARY_REPAIR_TWO_PERSONS`](settings.md) is on, and a repair is approved by the one who "
            "has proposed it, or by nobody who gives a name.",
            refusals.SecondPersonNeeded(REPAIR, RUN, "ada", "ada"),
        ),
    ),
    "What stands against a lease": (
        Case(
            "A heartbeat comes for an attempt that was opened without a lease.",
            refusals.NoLease(RUN, PHASE, 1),
        ),
        Case(
            "A claim, or a `phase.started`, asks for more than [`RUNNOTARY_LEASE_SECONDS_MAX`](settings.md).",
            refusals.LeaseTooLong(172_800, 86_400),
        ),
    ),
    "What the caller knew is not so": (
        Case(
            "`If-Match` or `expected_version` names another version than the run is at.",
            refusals.VersionMismatch(RUN, 4, 5, "PHASE_EXECUTION"),
        ),
        Case(
            "An Idempotency-Key or an event_id comes again, with another request.",
            refusals.IdempotencyKeyReused("build-42-start"),
        ),
    ),
    "What cannot be told of a history": (
        Case(
            "A version is asked for that the run never came to, or a time or a position before its first "
            "event.",
            history.NoSuchVersion(RUN, 5, FIRST_AT, LAST_AT, 1, 9, version=7),
        ),
        Case(
            "`blame` is asked about a field that the run never had, or about a word that several fields "
            "end with.",
            history.UnknownField(RUN, "token_used", 5, ["usage/tokens_used"]),
        ),
        Case(
            "The expression of `bisect` is no JMESPath, makes no sense of the run, or takes too much work.",
            history.InvalidExpression(
                "usage.tokens_used > 1000",
                "'1000' cannot stand there",
                20,
                hint="Numbers stand in backticks: `1000`.",
            ),
        ),
    ),
    "What is wrong with the request itself": (
        Case(
            "The body is not JSON in UTF-8, has a key twice, or a number without a finite value.",
            http.NotJson("expecting value at character 9"),
        ),
        Case("Content-Type is not application/json in UTF-8.", http.UnsupportedMediaType("text/plain")),
        Case(
            "The body is larger than [`RUNNOTARY_BODY_BYTES_MAX`](settings.md).", http.BodyTooLarge(1_048_576)
        ),
        Case(
            "A header or a parameter is not what the call takes, or the call has no such parameter.",
            http.InvalidParameter(IN_QUERY),
        ),
        Case("Nothing is at this path.", http.NoSuchCall("/v1/rnus")),
        Case("No webhook is called that.", webhooks.WebhookNotFound("wh-1")),
        Case("No schema is called that.", http.NoSuchSchema("phase.start", ["phase.started"])),
        Case("The path does not take this method.", http.MethodNotAllowed("DELETE", ["GET"])),
        Case(
            "The header Host names something else than this machine.",
            http.HostNotAllowed("runs.example:8000"),
        ),
        Case("The service verifies or rebuilds already.", replay.ReplayUnderWay()),
        Case("Another process has begun to rebuild the same tables.", replay.RebuildTakenOver()),
        Case(
            "Who reads the tables that are to be replaced does not let go, or something is made of them.",
            replay.TablesInUse("view my_runs depends on table runs"),
        ),
        Case("The service rebuilds as a role that does not own the tables.", replay.OwnerNeeded()),
    ),
    "What the service could not do": (
        Case(
            "As many requests as [`RUNNOTARY_QUEUE_MAX`](settings.md) says wait to be recorded.",
            unavailable.Overloaded(1_000),
        ),
        Case(
            "As many streams as [`RUNNOTARY_STREAMS_MAX`](settings.md) says are open.",
            feeds.TooManyStreams(100),
        ),
        Case(
            "Something else holds the database for writing, or every connection is in use.",
            unavailable.DatabaseBusy(),
        ),
        Case("The database cannot be reached, or cannot take anything.", unavailable.DatabaseDown()),
        Case(
            "A process that verified or rebuilt was ended, perhaps for want of memory.", replay.WorkerLost()
        ),
        Case(
            "Another program has changed the database, or the role of this one lacks rights.",
            unavailable.DatabaseUnfit("Revision 0003, not 0002."),
        ),
        Case("The connection to the database was lost while it committed.", unavailable.OutcomeUnknown()),
        Case("The service was told to stop.", unavailable.ShuttingDown()),
        Case("A defect of the service.", http.InternalError(REQUEST_ID)),
    ),
}
"""Every refusal, by what it is about."""


def refusals_page() -> Iterator[str]:
    """Every refusal: its code, when it comes, what it says and knows."""
    yield from paragraph(
        "# Refusals",
        "Every error is a problem (RFC 9457) with the media type application/problem+json. Each has `type`, "
        "`title`, `status`, `detail`, `instance`, `code`, `remedy` and `request_id`; most have a `call`: the "
        "next request to make. The rest are the facts of the case. `code` is a stable word, for programs; "
        "`detail` and `remedy` are sentences for people and may change. The examples leave out what all have "
        "alike. [How to read a refusal](../how-to/read-a-refusal.md) shows one in use.",
    )
    for title, group in REFUSALS.items():
        yield from paragraph(f"## {title}")
        for case in group:
            yield from refusal_entry(*case)


def refusal_entry(when: str, refusal: Refusal) -> Iterator[str]:
    """What there is to know of one refusal."""
    told = problem(refusal, instance=INSTANCE, request_id=REQUEST_ID)
    facts = ", ".join(code(field.name) for field in fields(refusal))  # type: ignore[arg-type]  # all are dataclasses
    retried = ""
    if isinstance(refusal, unavailable.Unavailable):
        retried = f" The header Retry-After says {refusal.retry_after_seconds} s."
    yield from paragraph(
        f"### {refusal.code}",
        f"**{told['status']}** {refusal.title}. {when}{retried} Facts: {facts or 'none'}.",
    )
    yield from json_block(
        {name: told[name] for name in told if name not in ("type", "instance", "request_id")}
    )


# --- settings ---


def settings() -> Iterator[str]:
    """Every setting, its default and its limits."""
    yield from paragraph(
        "# Settings",
        "Environment variables, read once when a process starts. Some commands have an option for the same; "
        "the option goes first.",
    )
    yield from table(("Variable", "Takes", "Default", "Meaning"), setting_rows())
    yield from paragraph(
        "The command also knows `RUNNOTARY_SERVER`: the URL of a service that it calls, instead of using the "
        "database directly."
    )


def setting_rows() -> Iterator[Sequence[str]]:
    """A row for each setting."""
    schema = Settings.model_json_schema()
    for name, told in schema["properties"].items():
        variable = f"{Settings.model_config['env_prefix']}{name}".upper()
        yield code(variable), kind_of(told, {}), default_of(told).replace('"', ""), said_of(told)


# --- HTTP ---

ALWAYS = ("421", "500", "503")
"""Statuses that every call may answer with."""


def http_page() -> Iterator[str]:
    """Every call: method, path, summary, parameters, answers; and the shapes of the answers."""
    document = create_app(Settings()).openapi()
    parts = document["components"]["schemas"]
    yield from paragraph(
        "# HTTP",
        "JSON in UTF-8. Fields and parameters that a call does not know are refused. Times are RFC 3339 in "
        "UTC with six decimals and `Z`. An id is 1 to 128 letters, digits, dots, dashes and underscores, and "
        'starts with a letter or digit. Lists are `{"items": [...], "next_cursor": ...}`; where there is '
        "more, `next_cursor` is not null and the header Link names the next page.",
        "Every answer has the header X-Request-ID: the one that the request had, if it has the form of an "
        "id, else a new one. What is not done is told as a [refusal](refusals.md). Every call may answer "
        f"{ALWAYS[0]}, {ALWAYS[1]} and {ALWAYS[2]}; the other statuses are listed. The same for programs: "
        "`GET /openapi.json`; in a browser, to try it: `/docs`.",
    )
    for tag in document["tags"]:
        yield from paragraph(f"## {tag['name'].capitalize()}", tag["description"])
        for path, methods in document["paths"].items():
            for method, call in methods.items():
                if tag["name"] in call["tags"]:
                    yield from call_entry(f"{method.upper()} {path}", call, parts)
    yield from paragraph("## Shapes of answers")
    for name in answered(document):
        yield from shape_entry(name, parts)


def call_entry(title: str, call: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[str]:
    """What there is to know of one call."""
    yield from paragraph(f"### {title}", call["description"])
    if parameters := call.get("parameters"):
        yield from table(("Parameter", "In", "Takes", "Left out", "Meaning"), map(parameter_row, parameters))
    if "requestBody" in call:
        content = call["requestBody"]["content"]["application/json"]
        yield from paragraph("Body:")
        yield from field_table(parts[ref_of(content)], parts)
        yield from json_block(content["example"])
    yield from table(("Status", "Answer"), filter(None, map(answer_row, sorted(call["responses"].items()))))


def parameter_row(told: Mapping[str, Any]) -> Sequence[str]:
    """A row for a parameter."""
    left_out = REQUIRED if told["required"] else default_of(told["schema"])
    return code(told["name"]), told["in"], kind_of(told["schema"], {}), left_out, said_of(told)


def answer_row(answer: tuple[str, Mapping[str, Any]]) -> Sequence[str] | None:
    """A row for a status, where it is not one of every call's, or one that the framework made up."""
    status, told = answer
    if status in ALWAYS or told["description"] == "Successful Response":
        return None
    if "application/problem+json" in told.get("content", {}):
        words = dict.fromkeys(told["description"].split(", "))
        return status, ", ".join(f"[{code(word)}](refusals.md#{word})" for word in words)
    schema = told.get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        return status, shape_link(ref_of({"schema": schema}))
    return status, told["description"]


def ref_of(content: Mapping[str, Any]) -> str:
    """The name of the schema of a body."""
    return str(content["schema"]["$ref"].rpartition("/")[2])


def shape_link(name: str) -> str:
    """The name of an answer's shape, with a link to it."""
    return f"[{name}](#shape-{name.lower()})"


def answered(document: Mapping[str, Any]) -> Iterator[str]:
    """The shapes of answers, each after those that it is part of."""
    contents = [
        told["content"]["application/json"]
        for methods in document["paths"].values()
        for call in methods.values()
        for told in call["responses"].values()
        if "application/json" in told.get("content", {})
    ]
    waiting = [ref_of(content) for content in contents if "$ref" in content["schema"]]
    seen = set()
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield name
            properties = document["components"]["schemas"][name]["properties"]
            waiting += [each for told in properties.values() for each in named_in(told)]


def named_in(told: Mapping[str, Any]) -> Iterator[str]:
    """The shapes that a field holds."""
    if "$ref" in told:
        yield told["$ref"].rpartition("/")[2]
    for each in (*told.get("anyOf", ()), *([told["items"]] if "items" in told else ())):
        yield from named_in(each)


def shape_entry(name: str, parts: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an answer."""
    yield from paragraph(f"### Shape: {name}", parts[name]["description"])
    properties = parts[name]["properties"]
    rows = ((code(field), held(told), said_of(told)) for field, told in properties.items())
    yield from table(("Field", "Holds", "Meaning"), rows)


def held(told: Mapping[str, Any]) -> str:
    """What a field of an answer holds."""
    if "$ref" in told:
        return shape_link(told["$ref"].rpartition("/")[2])
    if "anyOf" in told:
        return " or ".join("null" if each.get("type") == "null" else held(each) for each in told["anyOf"])
    if told.get("type") == "array":
        return f"list of {held(told['items'])}"
    return kind_of(told, {}) if "type" in told else "anything"


# --- tables ---

FOLLOWS = {"projections", *(each.TABLE.name for each in projections.ALL)}


def tables() -> Iterator[str]:
    """Every table and column of the database."""
    yield from paragraph(
        "# Tables",
        "The tables of the [database](database.md), the same on SQLite and PostgreSQL. Times are text as in "
        "`2026-11-22T10:00:00.000000Z`; states are plain text; JSON is text, never a JSON type of the "
        "database. On SQLite `true` is 1 and `false` is 0.",
        "The database itself says all this, too: in the table [schema_documentation](#schema_documentation), "
        "with a JSON Schema for each column, and on PostgreSQL as comments (`\\d+ phases`). So `SELECT "
        "description, example, json_schema FROM schema_documentation WHERE column_name = 'scope'` tells what "
        "a scope is.",
    )
    yield from paragraph("## The log", "Made and changed by migrations (`eventstore/migrations/`).")
    yield from table_entries(each for each in TABLES if each.name not in FOLLOWS)
    yield from paragraph(
        "## The tables that follow from the log",
        "Written in the transaction that appends the events, and made anew from the log whenever their shape "
        "is not the program's: at the start of a service, or by `runnotary rebuild`. They hold nothing that "
        "the log does not.",
    )
    yield from table_entries(each for each in TABLES if each.name in FOLLOWS)


def table_entries(several: Iterable[Table]) -> Iterator[str]:
    """What there is to know of some tables."""
    for each in several:
        yield from paragraph(f"### {each.name}", each.comment or "")
        yield from table(("Column", "Holds", "Meaning", "Example"), map(column_row, each.columns))


def column_row(column: Column[Any]) -> Sequence[str]:
    """A row for a column."""
    kind = "primary key; " if column.primary_key else "unique; " if column.unique else ""
    example = documentation.example(column) or ""
    shown = code(example if len(example) <= LONG else f"{example[:LONG]}…")
    return code(column.name), f"{kind}{column_kind(column)}", column.comment or "", shown


def column_kind(column: Column[Any]) -> str:
    """What a column holds, in words."""
    told = documentation.schema(column)
    parts = told.get("$defs", {})
    null = " or null" if column.nullable else ""
    if "contentSchema" in told:
        return f"JSON{null}"
    if column.info.get("holds") is EventType:
        return f"[event type](events.md){null}"
    return f"{kind_of(told, parts)}{null}"


# --- the command ---


def cli() -> Iterator[str]:
    """Every command, as its own help tells."""
    yield from paragraph(
        "# Command line",
        "`runnotary COMMAND`. It works on a database directly or, with `--server`, through a service. Tables "
        "are for people; `--json` prints the answer of the service as it came. Exit 0: done; 1: refused, or "
        "something is wrong; 2: the command line cannot be understood.",
    )
    group = typer.main.get_command(command_line)
    yield from command_entry(group, None)


def command_entry(command: Any, parent: Any) -> Iterator[str]:  # typer's own copies of click's classes
    """The help of a command, and of those under it."""
    name = command.name if parent else "runnotary"
    settings = {
        **command.context_settings,
        "terminal_width": WIDTH_OF_HELP,
        "max_content_width": WIDTH_OF_HELP,
    }
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    yield from paragraph(f"## {context.command_path}")
    yield from block("text", command.get_help(context))
    for each in getattr(command, "commands", {}).values():
        yield from command_entry(each, context)


# --- the pages ---

# --- the import of legacy databases ---

LEGACY_KINDS = {
    "rename": "Another spelling of a legal state. The state is recorded, with what was found beside it.",
    "semantic": "The word means what a legal state means, as far as anybody can say from here. That state "
    "is suggested, and a person decides.",
    "ambiguous": "Several states are possible. Nothing is suggested.",
    "unknown": "Nobody knows what it means; so is every word that is not in this table.",
}


def legacy_import() -> Iterator[str]:
    """What an import reports, and what it takes the states of the older system for."""
    yield from paragraph(
        "# Legacy import",
        "`runnotary import-autopack FILE` reads the tables `runs`, `tiers` and `phases` of an SQLite "
        "database of Autopack, of whatever generation of its schema, and records what is in them. "
        "[How to do it](../how-to/import-a-legacy-database.md). This page lists what it may report.",
        "## The report",
    )
    meanings = {
        "file, sha256": "The name of the file, and the SHA-256 of its bytes.",
        "runs, tiers, phases": "How many rows the tables have.",
        "imported": "Runs of which something was recorded now. A run that only its phases or tiers know is "
        "one of them, though it has no row.",
        "unchanged": "Runs that were imported before, from this file or another, with the same rows.",
        "changed": "Runs that were imported before, and of which a row is another now. What was recorded "
        "stays.",
        "not_imported": "Runs whose id is that of a run that came about here.",
        "quarantined": "Runs and phases that were recorded without a state now: `run_id`, `phase_id`, the "
        "state `from` the row, its `kind`, and the state `to` which it is suggested to be repaired.",
        "counts": "How often each code was found.",
        "findings": "What is odd, one [finding](events.md#finding) each.",
    }
    named = ((", ".join(map(code, names.split(", "))), text) for names, text in meanings.items())
    yield from table(("Field", "Holds"), named)
    yield from paragraph(
        "## Codes",
        "A finding tells `code`, `entity`, `run_id`, `phase_id` or `tier_id` where it is about one, `field` "
        "where it is about a column, the `value` that was found, the `action` and a `detail`.",
    )
    rows = ((code(name), told.detail + ".", code(told.action)) for name, told in CODES.items())
    yield from table(("Code", "Means", "Usual action"), rows)
    yield from paragraph("## Actions")
    yield from table(("Action", "Means"), ((code(name), text) for name, text in ACTIONS.items()))
    yield from paragraph(
        "## What a state is taken for",
        "A state that is legal to the letter is recorded as it is. Of every other one this table says what "
        "it is taken for. It is looked up by entity and word, to the letter: nothing is taken for what it is "
        "merely like. The state of a tier is never recorded, for it follows from the phases.",
    )
    yield from table(("Kind", "Means"), ((code(name), text) for name, text in LEGACY_KINDS.items()))
    mapped = (
        (entity, code(word), told.kind, code(told.to) if told.to else "", told.why)
        for (entity, word), told in sorted(
            MEANINGS.items(), key=lambda each: list(LEGACY_KINDS).index(each[1].kind)
        )
    )
    yield from table(("Entity", "Found", "Kind", "State", "Because"), mapped)
    yield from paragraph(
        "## What is kept, and how",
        "Every column of every row is in the event that took it over: `legacy`, of a run also "
        f"`legacy_tiers`. A value that is none of JSON is kept as `{BYTES}` (base64) or `{NUMBER}` (text); "
        f"of one of more than {BYTES_MAX:,} bytes, `{TOO_LONG}` keeps length and SHA-256. A scope that is "
        f"no JSON is text under `{TEXT}`, one that is no object a value under `{VALUE}`, as the interface of "
        "that system showed them. A time without an offset is read as UTC, and its column named in "
        "`source.naive_times`.",
    )


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "moves": moves,
    "events": events,
    "refusals": refusals_page,
    "settings": settings,
    "http": http_page,
    "cli": cli,
    "tables": tables,
    "legacy-import": legacy_import,
}


def stale() -> dict[Path, str]:
    """The pages that are not what the code says, with what they should be."""
    wanted = {
        REFERENCE / f"{name}.md": "\n".join([NOTE, "", *page()]).rstrip("\n") + "\n"
        for name, page in PAGES.items()
    }
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text
    }


def main(arguments: Sequence[str]) -> int:
    """Write or, with --check, compare."""
    pages = stale()
    for path, text in pages.items():
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
        print(f"{'stale' if '--check' in arguments else 'written'}: {path.name}")
    return 1 if pages and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
