"""Commands that note and keep: annotate, label, preserve, archive, hold, and what takes it back."""

import json
from typing import Any

import pytest


@pytest.fixture
def one(runnotary: Any) -> Any:
    """The command, where there is a run `one` with a phase."""
    assert runnotary("create", "one", "--phase", "Build").exit_code == 0
    return runnotary


def run_shown(runnotary: Any) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(runnotary("show", "one", "--json").stdout)
    return run


def test_a_note_is_added_to_a_run_or_to_a_phase(one: Any) -> None:
    """With its text, its tags and its author, and shown with the run."""
    one("annotate", "one", "Done by hand", "--tag", "manual", "--tag", "build-132", "--actor", "ann")
    one("annotate", "one", "See the log", "--phase", "phase1-build", "--actor", "ann")
    notes = run_shown(one)["annotations"]
    assert [(n["text"], n["tags"], n["actor"], n["phase_id"]) for n in notes] == [
        ("Done by hand", ["manual", "build-132"], "ann", None),
        ("See the log", [], "ann", "phase1-build"),
    ]
    shown = one("show", "one").stdout.splitlines()
    assert shown[-2].split("  ")[:2] == ["Done by hand", "the run"]
    assert "manual, build-132" in shown[-2]
    assert "phase1-build" in shown[-1]


@pytest.mark.parametrize(
    ("sets", "takes_away", "mark"),
    [
        ("preserve", "unpreserve", "preserved"),
        ("archive", "unarchive", "archived"),
        ("hold", "unhold", "held"),
    ],
)
def test_a_mark_is_set_and_taken_away(one: Any, sets: str, takes_away: str, mark: str) -> None:
    """Each command proposes its event, with the reason, and prints what came of it."""
    for number, (command, is_set) in enumerate(((sets, True), (takes_away, False)), start=3):
        told = one(command, "one", "--reason", "why not")
        assert told.exit_code == 0, told.output
        assert told.stdout.splitlines()[1] == f"run one is RUN_CREATED, version {number}"
        assert run_shown(one)[mark] is is_set
        event = json.loads(one("log", "one", "--json").stdout)["items"][-1]
        assert event["data"] == {"reason": "why not"}


def test_archiving_is_refused_with_the_reason_of_the_preserving(one: Any) -> None:
    """Who wants to archive what is preserved learns why it is, and what to do."""
    one("preserve", "one", "--reason", "the baseline of November")
    assert "preserved (the baseline of November)" in one("show", "one").stdout
    told = one("archive", "one")
    assert told.exit_code == 1
    assert "run-preserved" in told.stderr
    assert "the baseline of November" in told.stderr
    assert "try: runnotary propose one run.unpreserved" in told.stderr
    one("unpreserve", "one")
    assert one("archive", "one").exit_code == 0


def test_preserving_needs_a_reason(one: Any) -> None:
    """Without one, nobody could be told why the run stays; nothing is recorded."""
    told = one("preserve", "one")
    assert told.exit_code == 2
    assert "--reason" in told.stderr
    assert run_shown(one)["version"] == 2


def test_labels_are_set_and_taken_away(one: Any) -> None:
    """Several at once, in one event; the others stay."""
    one("label", "one", "team=core", "note=a=b")
    one("label", "one", "team=web", "--remove", "note", "--remove", "never")
    assert run_shown(one)["labels"] == {"team": "web"}
    assert run_shown(one)["version"] == 4


@pytest.mark.parametrize("words", [[], ["team"], ["=x"], ["team=x", "--remove", "team"]])
def test_a_label_that_is_none_is_a_slip(one: Any, words: list[str]) -> None:
    """Nothing is recorded."""
    assert one("label", "one", *words).exit_code == 2
    assert run_shown(one)["version"] == 2


def test_an_archived_run_leaves_the_list_and_stays_exportable(one: Any) -> None:
    """It is listed where it is asked for, shown by its name, and exported with all events."""
    one("annotate", "one", "kept")
    one("archive", "one")
    assert one("runs").stdout == ""
    assert "one" in one("runs", "--archived", "true").stdout
    assert run_shown(one)["annotations"][0]["text"] == "kept"
    lines = one("export", "--run", "one").stdout.splitlines()
    assert [json.loads(line)["type"] for line in lines if '"type"' in line][-1] == "run.archived"


def test_runs_are_listed_by_what_was_noted_and_kept(one: Any) -> None:
    """Every filter of the list is an option."""
    one("annotate", "one", "x", "--tag", "manual")
    one("preserve", "one", "--reason", "x")
    one("hold", "one")
    options = ["--tag", "manual", "--preserved", "true", "--held", "true", "--annotated", "true"]
    assert "one" in one("runs", *options, "--quarantined", "false").stdout
    for option in ("--preserved", "--held", "--annotated"):
        told = one("runs", option, "false")
        assert (told.stdout, told.stderr) == ("", "No such runs.\n")


def test_a_server_is_told_the_same(runnotary: Any, service: Any) -> None:
    """With --server they are proposed there; a key makes a repetition harmless."""
    assert service.post("/v1/runs", {"run_id": "kept"}).status_code == 201
    where = ("--server", service.url)
    for words in (["annotate", "kept", "x"], ["label", "kept", "a=b"], ["hold", "kept"]):
        assert runnotary(*words, "--key", f"k-{words[0]}", *where).exit_code == 0
        again = runnotary(*words, "--key", f"k-{words[0]}", *where, "--json")
        assert json.loads(again.stdout)["run"]["run_id"] == "kept"
    assert service.get("/v1/runs/kept").json()["version"] == 4
