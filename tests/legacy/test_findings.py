"""What can be odd about a row, one thing at a time: found, told, and no reason to lose anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from api.legacy.columns import COUNTERS, DOCUMENTED
from api.legacy.report import Report
from tests.legacy.conftest import codes, imported, is_proven
from tests.legacy.making import PHASE, RUN, TIER, made

Row = dict[str, Any]
SUMMED = (
    "tokens_used",
    "ci_runs_used",
    "minor_issues_count",
    "major_issues_count",
    "retry_attempt",
    "revision_epoch",
    "builder_attempts",
)
LIMITS = ("token_cap", "max_phases", "max_duration_minutes", "max_builder_attempts")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "old.db"


def told(report: Report, code: str) -> list[Row]:
    """The findings with this code, as the report has them."""
    return [each for each in report.view()["findings"] if each["code"] == code]


def test_nothing_is_odd_about_a_sound_file(sqlite_ledger: Ledger, file: Path) -> None:
    """A run, its tier and its phase stand as they were described there; no label is invented."""
    report = imported(sqlite_ledger, made(file))
    assert report.view()["counts"] == {}
    run = sqlite_ledger.run("one")
    assert (run["state"], run["goal"], run["labels"]) == ("RUN_CREATED", "Predict output sizes", {})
    assert run["config"] == {
        "safety_profile": "normal",
        "run_scope": "multi_tier",
        "token_cap": 300_000,
        "max_phases": 10,
        "max_duration_minutes": 60,
        "max_attempts": 5,
    }
    (phase,) = run["phases"]
    assert (phase["name"], phase["tier_id"], phase["scope"]) == ("Build", "T1", {"goal": "Make it compile"})


def test_a_report_says_what_was_done(sqlite_ledger: Ledger, file: Path) -> None:
    """It names the file, its hash, how many rows there are and what became of the runs."""
    view = imported(sqlite_ledger, made(file, runs=[{**RUN, "state": "READY"}])).view()
    numbers = {name: view[name] for name in ("runs", "tiers", "phases", "imported", "unchanged", "changed")}
    assert numbers == {"runs": 1, "tiers": 1, "phases": 1, "imported": 1, "unchanged": 0, "changed": 0}
    assert (view["file"], len(view["sha256"]), view["counts"]) == ("old.db", 64, {"illegal-run-state": 1})
    assert view["findings"] == [
        {
            "code": "illegal-run-state",
            "entity": "run",
            "run_id": "one",
            "value": "READY",
            "action": "quarantined",
            "detail": "The state is none that a run can be in: created and ready to be executed.",
        }
    ]
    assert json.loads(json.dumps(view)) == view


def test_a_phase_without_its_run_waits_under_its_id(sqlite_ledger: Ledger, file: Path) -> None:
    """The run is quarantined and says why; the phase is recorded in it, with the state that it has."""
    phases = [PHASE, {**PHASE, "run_id": "lost", "state": "COMPLETE", "tokens_used": 9}]
    tiers = [TIER, {**TIER, "id": 2, "run_id": "lost"}]
    report = imported(sqlite_ledger, made(file, phases=phases, tiers=tiers))
    assert [each["phase_id"] for each in told(report, "phase-without-run")] == ["p1"]
    assert [each["tier_id"] for each in told(report, "tier-without-run")] == ["T1"]
    assert report.view()["quarantined"] == [{"run_id": "lost", "from": None, "kind": "unknown", "to": None}]
    run, phase = [event for event in sqlite_ledger.log(after=0, limit=9) if event.run_id == "lost"]
    assert (run.type, phase.type, phase.state_after) == ("run.quarantined", "phase.imported", "COMPLETE")
    assert [each["code"] for each in run.data["findings"]] == ["phase-without-run", "tier-without-run"]
    assert "legacy" not in run.data
    assert sqlite_ledger.folded("lost").usage.tokens_used == 9
    assert is_proven(sqlite_ledger)


def test_a_phase_may_be_called_as_its_run(sqlite_ledger: Ledger, file: Path) -> None:
    """Both keep the id, and the phase's events work; a new phase of that name would be refused."""
    report = imported(sqlite_ledger, made(file, phases=[{**PHASE, "phase_id": "one"}]))
    assert codes(report) == ["run-id-is-phase-id"]
    sqlite_ledger.propose("one", {"type": "run.execution_started"})
    sqlite_ledger.propose("one", {"type": "phase.started", "phase_id": "one"})
    sqlite_ledger.propose("one", {"type": "phase.completed", "phase_id": "one", "attempt": 1})
    sqlite_ledger.propose("one", {"type": "run.succeeded"})
    assert sqlite_ledger.run("one")["phases"][0]["state"] == "COMPLETE"


@pytest.mark.parametrize(
    ("tier", "code", "value"),
    [(2, "phase-in-foreign-tier", {"tier_id": "T1", "run_id": "two"}), (7, "tier-missing", 7)],
)
def test_a_phase_whose_tier_is_not_its_runs_has_none(
    sqlite_ledger: Ledger, file: Path, tier: int, code: str, value: Any
) -> None:
    """A label of another run says nothing here; which row was meant is in the phase's own."""
    tiers = [TIER, {**TIER, "id": 2, "run_id": "two"}]
    path = made(file, runs=[RUN, {**RUN, "id": "two"}], tiers=tiers, phases=[{**PHASE, "tier_id": tier}])
    report = imported(sqlite_ledger, path)
    (finding,) = told(report, code)
    assert (finding["phase_id"], finding["value"], finding["action"]) == ("p1", value, "left-out")
    assert sqlite_ledger.phase("one", "p1")["tier_id"] is None
    assert is_proven(sqlite_ledger)


def test_two_tiers_of_one_label_are_one(sqlite_ledger: Ledger, file: Path) -> None:
    """Phases of both are in it, in the order of the tiers and then their own; both rows are kept."""
    tiers = [TIER, {**TIER, "id": 2, "tier_index": 1, "name": "Again"}]
    phases = [{**PHASE, "phase_id": f"p{n}", "tier_id": tier} for n, tier in ((1, 2), (2, 1))]
    report = imported(sqlite_ledger, made(file, tiers=tiers, phases=phases))
    assert codes(report) == ["tier-label-twice"]
    run = sqlite_ledger.run("one")
    assert [tier["name"] for tier in run["tiers"]] == ["Foundation"]
    assert [(phase["phase_id"], phase["tier_id"]) for phase in run["phases"]] == [("p2", "T1"), ("p1", "T1")]
    assert len(sqlite_ledger.log(after=0, limit=1)[0].data["legacy_tiers"]) == 2


def test_a_run_may_have_neither_tiers_nor_phases(sqlite_ledger: Ledger, file: Path) -> None:
    """Both are told."""
    assert codes(imported(sqlite_ledger, made(file, tiers=[], phases=[]))) == [
        "run-without-phases",
        "run-without-tiers",
    ]


@pytest.mark.parametrize(
    ("found", "code", "scope"),
    [
        ("{", "scope-not-json", {"_legacy_text": "{"}),
        ("", "scope-not-json", {"_legacy_text": ""}),
        ('{"a": "\\u0000"}', "scope-not-json", {"_legacy_text": '{"a": "\\u0000"}'}),
        ('{"a": 9007199254740993}', "scope-not-json", {"_legacy_text": '{"a": 9007199254740993}'}),
        ("[" * 5_000, "scope-not-json", {"_legacy_text": "[" * 5_000}),
        (b"{}", "scope-not-json", {"_legacy_text": {"_legacy_bytes": "e30="}}),
        ('"a/b"', "scope-not-object", {"_legacy_value": "a/b"}),
        ("[1]", "scope-not-object", {"_legacy_value": [1]}),
        (5, "scope-not-object", {"_legacy_value": 5}),
        ("null", None, None),
        ("{}", None, {}),
        (None, None, None),
        (
            '{"goal": 5, "paths": {}, "b": 1, "a": [null]}',
            None,
            {"goal": 5, "paths": {}, "b": 1, "a": [None]},
        ),
    ],
)
def test_a_scope_is_kept_whatever_it_is(
    sqlite_ledger: Ledger, file: Path, found: Any, code: str | None, scope: Row | None
) -> None:
    """An object is taken over whole, of whatever shape; text and other values are kept under marked keys."""
    report = imported(sqlite_ledger, made(file, phases=[{**PHASE, "scope": found}]))
    assert [each for each in codes(report) if each != "value-not-json"] == ([] if code is None else [code])
    assert sqlite_ledger.phase("one", "p1")["scope"] == scope
    assert is_proven(sqlite_ledger)


@pytest.mark.parametrize("state", ["DONE_SUCCESS", "DONE_FAILED_ENVIRONMENT"])
def test_a_run_that_is_over_with_phases_that_wait_stands(
    sqlite_ledger: Ledger, file: Path, state: str
) -> None:
    """Both states are legal, so both are kept, and that they contradict each other is told."""
    report = imported(sqlite_ledger, made(file, runs=[{**RUN, "state": state}]))
    assert codes(report) == ["done-with-queued-phases"]
    assert sqlite_ledger.run("one")["state"] == state
    assert sqlite_ledger.phase("one", "p1")["state"] == "QUEUED"


def test_an_open_run_whose_phases_have_all_ended_is_told(sqlite_ledger: Ledger, file: Path) -> None:
    """Nobody ended it."""
    phases = [
        {**PHASE, "phase_id": f"p{n}", "state": s} for n, s in enumerate(("COMPLETE", "SKIPPED", "FAILED"))
    ]
    report = imported(sqlite_ledger, made(file, phases=phases))
    assert codes(report) == ["open-run-all-phases-ended", "failed-with-retries-left"]


@pytest.mark.parametrize(("attempts", "left"), [(0, True), (4, True), (5, False), (6, False)])
def test_a_phase_that_gave_up_early_is_told(
    sqlite_ledger: Ledger, file: Path, attempts: int, left: bool
) -> None:
    """That system tried five times; what it counted is the attempt here, and the next one follows it."""
    phase = {**PHASE, "state": "FAILED", "retry_attempt": attempts, "max_builder_attempts": 10}
    report = imported(sqlite_ledger, made(file, phases=[phase, {**PHASE, "phase_id": "p2"}]))
    assert codes(report) == ["failed-with-retries-left"] * left
    sqlite_ledger.propose("one", {"type": "run.execution_started"})
    sqlite_ledger.propose("one", {"type": "phase.requeued", "phase_id": "p1"})
    (started,) = sqlite_ledger.propose("one", {"type": "phase.started", "phase_id": "p1"})
    assert started.event.attempt == attempts + 1


@pytest.mark.parametrize("row", ["runs", "tiers", "phases"])
def test_a_row_that_was_changed_before_it_was_made_is_told(
    sqlite_ledger: Ledger, file: Path, row: str
) -> None:
    """Times are compared, not their texts: a T between date and time makes none later."""
    times = {"created_at": "2025-12-23T16:00:00", "updated_at": "2025-12-23 07:00:00"}
    rows = {"runs": RUN, "tiers": TIER, "phases": PHASE}
    (finding,) = imported(sqlite_ledger, made(file, **{row: [{**rows[row], **times}]})).findings
    assert (finding.code, finding.value) == ("updated-before-created", times)
    same = {"created_at": "2025-12-23T16:00:00", "updated_at": "2025-12-23 16:00:01"}
    assert codes(imported(sqlite_ledger, made(file, **{row: [{**rows[row], **same}]}))) == ["row-changed"]


@pytest.mark.parametrize(
    ("updated", "occurred", "naive"),
    [
        ("2025-12-23 16:00:00", "2025-12-23T16:00:00.000000Z", ["created_at", "updated_at"]),
        ("2025-12-23T16:00:00.5+02:00", "2025-12-23T14:00:00.500000Z", ["created_at"]),
        ("2999-01-01 00:00:00", None, ["created_at", "updated_at"]),
        (None, None, ["created_at"]),
        ("yesterday", None, ["created_at"]),
    ],
)
def test_a_row_happened_when_it_was_last_changed(
    sqlite_ledger: Ledger, file: Path, updated: str | None, occurred: str | None, naive: list[str]
) -> None:
    """A time without an offset is read as UTC, and marked; one that is to come, or none, is now."""
    imported(sqlite_ledger, made(file, runs=[{**RUN, "updated_at": updated}]))
    event = sqlite_ledger.log(after=0, limit=1)[0]
    assert event.occurred_at == (occurred or event.recorded_at)
    assert event.data["source"]["naive_times"] == naive


@pytest.mark.parametrize(("table", "column"), [(t, c) for t, cs in COUNTERS.items() for c in cs])
def test_a_count_below_zero_is_read_as_none(
    sqlite_ledger: Ledger, file: Path, table: str, column: str
) -> None:
    """Counters count as 0, limits have their default, and the row keeps what it was."""
    rows = {"runs": RUN, "tiers": TIER, "phases": PHASE}
    report = imported(sqlite_ledger, made(file, **{table: [{**rows[table], column: -3}]}))
    (finding,) = report.findings
    assert (finding.code, finding.field, finding.value) == ("negative-counter", column, -3)
    is_limit = table != "tiers" and column in LIMITS
    is_summed = table != "tiers" and column in SUMMED
    assert finding.action == ("default-used" if is_limit else "read-as-zero" if is_summed else "kept")
    run = sqlite_ledger.run("one")
    assert run["usage"]["tokens_used"] == 0
    assert all(limit > 0 for limit in run["config"].values() if isinstance(limit, int))
    assert (run["phases"][0]["attempt"], run["phases"][0]["max_attempts"]) == (0, 5)


@pytest.mark.parametrize(("table", "column"), [(t, c) for t, cs in DOCUMENTED.items() for c in cs])
def test_a_word_that_is_not_documented_is_kept(
    sqlite_ledger: Ledger, file: Path, table: str, column: str
) -> None:
    """Field and value are told; nothing is put in its place."""
    rows = {"runs": RUN, "tiers": TIER, "phases": PHASE}
    report = imported(sqlite_ledger, made(file, **{table: [{**rows[table], column: "odd"}]}))
    (finding,) = report.findings
    assert (finding.code, finding.field, finding.value) == ("undocumented-config", column, "odd")
    if column in ("safety_profile", "run_scope"):
        assert sqlite_ledger.run("one")["config"][column] == "odd"


def test_what_was_spent_counts_once(sqlite_ledger: Ledger, file: Path) -> None:
    """Phases have what they spent, and the run what it spent in all; a full budget lets no phase start."""
    phases = [{**PHASE, "phase_id": f"p{n}", "tokens_used": 100, "minor_issues_count": 1} for n in (1, 2)]
    run = {**RUN, "tokens_used": 250, "ci_runs_used": 3, "minor_issues_count": 1, "token_cap": 250}
    imported(sqlite_ledger, made(file, runs=[run], phases=phases))
    found = sqlite_ledger.run("one")
    assert found["usage"] == {"tokens_used": 250, "ci_runs_used": 3, "minor_issues": 2, "major_issues": 0}
    assert [phase["usage"]["tokens_used"] for phase in found["phases"]] == [100, 100]
    sqlite_ledger.propose("one", {"type": "run.execution_started"})
    told = next(phase for phase in sqlite_ledger.moves("one")["phases"] if phase["phase_id"] == "p1")
    start = next(move for move in told["moves"] if move["type"] == "phase.started")
    assert start["blocked_by"]["code"] == "budget-exhausted"


def test_more_phases_than_the_run_takes_are_all_taken_over(sqlite_ledger: Ledger, file: Path) -> None:
    """A limit stands in the way of new phases, not of old ones."""
    phases = [{**PHASE, "phase_id": f"p{n}"} for n in range(4)]
    report = imported(sqlite_ledger, made(file, runs=[{**RUN, "max_phases": 2}], phases=phases))
    assert codes(report) == []
    assert len(sqlite_ledger.run("one")["phases"]) == 4


@pytest.mark.parametrize("bad", ["a b", "", "x" * 129, 7, None, b"one", "\u00e9"])
@pytest.mark.parametrize(
    ("table", "column", "left"), [("runs", "id", 0), ("phases", "run_id", 1), ("phases", "phase_id", 1)]
)
def test_what_has_no_legal_id_is_told_and_not_imported(
    sqlite_ledger: Ledger, file: Path, table: str, column: str, left: int, bad: Any
) -> None:
    """Nothing here can be called that, and no other name is made up; the rest is imported."""
    rows = {"runs": RUN, "phases": PHASE}
    report = imported(sqlite_ledger, made(file, tiers=[], **{table: [{**rows[table], column: bad}]}))
    (finding,) = told(report, "id-not-legal")
    assert (finding["field"], finding["action"]) == (column, "not-imported")
    events = sqlite_ledger.log(after=0, limit=9)
    assert [event.type for event in events if event.phase_id is None] == (
        ["run.imported"] if left else ["run.quarantined"]
    )


@pytest.mark.parametrize("table", ["runs", "phases"])
def test_of_two_rows_with_one_id_the_first_is_taken(sqlite_ledger: Ledger, file: Path, table: str) -> None:
    """The other is in the report, whole."""
    row = {"runs": RUN, "phases": PHASE}[table]
    other = {**row, "state": "GATE"}
    (finding,) = imported(sqlite_ledger, made(file, **{table: [row, other]})).findings
    assert (finding.code, finding.value, finding.action) == ("row-twice", other, "not-imported")
    run = sqlite_ledger.run("one")
    assert (run["state"], run["phases"][0]["state"]) == ("RUN_CREATED", "QUEUED")


@pytest.mark.parametrize(
    ("column", "value"),
    [("token_cap", "much"), ("max_phases", 5_000), ("goal_anchor", "x" * 20_001), ("tokens_used", 2.5)],
)
def test_a_value_of_no_use_is_left_out(sqlite_ledger: Ledger, file: Path, column: str, value: Any) -> None:
    """The field has its default, and the row keeps the value."""
    (finding,) = imported(sqlite_ledger, made(file, runs=[{**RUN, column: value}])).findings
    assert (finding.code, finding.field, finding.action) == ("value-not-usable", column, "left-out")
    assert sqlite_ledger.log(after=0, limit=1)[0].data["legacy"][column] == value


@pytest.mark.parametrize("column", ["retry_attempt", "revision_epoch"])
def test_nobody_tried_as_often_as_that(ledger: Ledger, file: Path, column: str) -> None:
    """A number that no column here could hold is left out."""
    report = imported(ledger, made(file, phases=[{**PHASE, column: 2**40}]))
    assert codes(report) == ["value-not-usable"]
    assert is_proven(ledger)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"\x00\xff", {"_legacy_bytes": "AP8="}),
        ("a\x00b", {"_legacy_bytes": "YQBi"}),
        (2**60, {"_legacy_number": str(2**60)}),
        (float("inf"), {"_legacy_number": "inf"}),
    ],
)
def test_a_value_that_is_no_json_is_kept_marked(
    sqlite_ledger: Ledger, file: Path, value: Any, kept: Row
) -> None:
    """In a form that every reader gives back, from which it can be made again."""
    (finding,) = imported(sqlite_ledger, made(file, runs=[{**RUN, "failure_reason": value}])).findings
    assert (finding.code, finding.field, finding.value) == ("value-not-json", "failure_reason", kept)
    assert sqlite_ledger.log(after=0, limit=1)[0].data["legacy"]["failure_reason"] == kept


def test_of_a_huge_value_its_hash_is_kept(sqlite_ledger: Ledger, file: Path) -> None:
    """It could not be handled by all that reads the log; length and hash say which it was."""
    (finding,) = imported(sqlite_ledger, made(file, runs=[{**RUN, "failure_reason": "x" * 2**21}])).findings
    assert finding.value["_legacy_too_long"]["bytes"] == 2**21


def test_a_repair_may_be_needed_for_one_phase_only(sqlite_ledger: Ledger, file: Path) -> None:
    """The run is served with that phase's state null, and its other phases work."""
    phases = [{**PHASE, "state": "BLOCKED"}, {**PHASE, "phase_id": "p2"}]
    report = imported(sqlite_ledger, made(file, phases=phases))
    assert [each["phase_id"] for each in report.view()["quarantined"]] == ["p1"]
    assert [phase["state"] for phase in sqlite_ledger.run("one")["phases"]] == [None, "QUEUED"]
    sqlite_ledger.propose("one", {"type": "run.execution_started"})
    sqlite_ledger.propose("one", {"type": "phase.started", "phase_id": "p2"})
