"""Every refusal, when it comes, and one of its kind."""

from typing import NamedTuple

from api import http_refusals as http
from api import unavailable
from api.feeds import refusals as feeds
from api.history import refusals as history
from api.replay import refusals as replay
from api.webhooks import refusals as webhooks
from domain import refusals
from domain.refusals import Refusal

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
