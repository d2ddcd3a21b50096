"""Commands that read."""

import json
from typing import Any

import pytest

from api import paging
from api.cli.options import PAGE_MAX

READING = [
    (["runs"], "/v1/runs?archived=false&limit=50"),
    (["runs", "--state", "PHASE_EXECUTION", "--label", "team=core", "--q", "kno", "--limit", "1"],
     "/v1/runs?state=PHASE_EXECUTION&label=team%3Dcore&q=kno&archived=false&limit=1"),
    (["show", "known"], "/v1/runs/known"),
    (["show", "known@2"], "/v1/runs/known?at_version=2"),
    (["show", "known", "--at", "2999-01-01T00:00:00+05:30"],
     "/v1/runs/known?at_time=2999-01-01T00%3A00%3A00%2B05%3A30"),
    (["show", "known", "--at-position", "3"], "/v1/runs/known?at_position=3"),
    (["diff", "known"], "/v1/runs/known/diff"),
    (["diff", "known", "2"], "/v1/runs/known/diff?from=2"),
    (["diff", "known", "0", "2"], "/v1/runs/known/diff?from=0&to=2"),
    (["diff", "known@1", "known@3"], "/v1/runs/known/diff?from=1&with=known&to=3"),
    (["blame", "known"], "/v1/runs/known/blame"),
    (["blame", "known@2", "state"], "/v1/runs/known/blame?field=state&at_version=2"),
    (["blame", "known", "state", "--phase", "phase1-build"],
     "/v1/runs/known/blame?field=state&phase_id=phase1-build"),
    (["bisect", "known", "--expr", "state == 'PHASE_EXECUTION'"],
     "/v1/runs/known/bisect?expr=state%20%3D%3D%20%27PHASE_EXECUTION%27"),
    (["log", "known"], "/v1/runs/known/events?limit=500"),
    (["log", "known", "--after", "2", "--limit", "1"], "/v1/runs/known/events?after_version=2&limit=1"),
    (["log"], "/v1/events?limit=500"),
    (["moves", "known"], "/v1/runs/known/moves"),
    (["moves", "known", "--to", "COMPLETE", "--phase", "phase1-build"],
     "/v1/runs/known/moves?to=COMPLETE&phase_id=phase1-build"),
    (["audit", "known"], "/v1/runs/known/audit"),
    (["audit", "known", "--phase", "phase1-build"], "/v1/runs/known/audit?phase_id=phase1-build"),
    (["refusals"], "/v1/refusals?limit=50"),
    (["refusals", "known"], "/v1/runs/known/refusals?limit=50"),
    (["stats"], "/v1/stats?archived=any"),
    (["stats", "--label", "team", "--archived", "false", "--since", "2026-01-01", "--until", "2999-12-31"],
     "/v1/stats?label=team&archived=false&since=2026-01-01&until=2999-12-31"),
    (["machine"], "/v1/machine"),
    (["machine", "phase"], "/v1/machine/phase"),
    (["schema"], "/v1/schemas"),
    (["schema", "phase.failed"], "/v1/schemas/phase.failed"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "path"), READING, ids=[" ".join(words) for words, _ in READING])
def test_json_is_the_answer_as_it_came(runnotary: Any, service: Any, words: list[str], path: str) -> None:
    """With --json there is one document on standard output, which is the body of the HTTP answer."""
    told = runnotary(*words, "--json", "--server", service.url)
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout_bytes == service.get(path).content + b"\n"
    json.loads(told.stdout)


@pytest.mark.parametrize("words", [words for words, _ in READING], ids=" ".join)
def test_people_read_text_and_nothing_goes_wrong(runnotary: Any, service: Any, words: list[str]) -> None:
    """Without --json there is text, in lines that end where their words end."""
    told = runnotary(*words, "--server", service.url)
    assert told.exit_code == 0
    assert told.stdout.strip()
    assert [line for line in told.stdout.splitlines() if line != line.rstrip()] == []


def test_a_server_can_be_named_by_the_environment(runnotary: Any, service: Any) -> None:
    """RUNNOTARY_SERVER is as good as --server."""
    told = runnotary("show", "known", "--json", RUNNOTARY_SERVER=service.url)
    assert told.stdout_bytes == service.get("/v1/runs/known").content + b"\n"


def test_without_a_server_the_database_answers_the_same(runnotary: Any) -> None:
    """The application in this process answers a command as a server would."""
    assert runnotary("create", "here", "--phase", "Build").exit_code == 0
    run = json.loads(runnotary("show", "here", "--json").stdout)
    assert (run["run_id"], run["state"], run["phases"][0]["phase_id"]) == (
        "here",
        "RUN_CREATED",
        "phase1-build",
    )


def test_show_tells_state_phases_and_notes(runnotary: Any) -> None:
    """`show` has the run's state and use, a line a phase, and the notes."""
    runnotary("create", "one", "--goal", "Be one", "--phase", "Build", "--label", "team=core")
    runnotary("propose", "one", "run.annotated", "--data", '{"text": "watch the disk"}', LOGNAME="ada")
    lines = runnotary("show", "one").stdout.splitlines()
    assert lines[:5] == [
        "run      one",
        "state    RUN_CREATED",
        "version  3",
        "goal     Be one",
        "labels   team=core",
    ]
    assert "phase1-build        QUEUED  0 of 5        0" in lines
    assert lines[-1].split()[:6] == ["watch", "the", "disk", "the", "run", "cli:ada"]


def test_the_log_tells_what_changed_and_who_did_it(runnotary: Any) -> None:
    """A line of `log` has number, time, event, phase with attempt, states, actor and reason."""
    runnotary("create", "one", "--phase", "Build")
    runnotary("propose", "one", "run.execution_started", "--reason", "all is there", "--actor", "ada")
    runnotary("propose", "one", "phase.started", "--phase", "phase1-build", "--actor", "builder-1")
    lines = runnotary("log", "one").stdout.splitlines()
    assert lines[0].split() == ["#", "time", "(UTC)", "after", "event", "phase", "state", "by", "said"]
    number, _, _, _, *started = lines[-2].split()
    assert (number, " ".join(started)) == (
        "3",
        "run.execution_started RUN_CREATED → PHASE_EXECUTION ada all is there",
    )
    assert " ".join(lines[-1].split()[4:]) == "phase.started phase1-build (1) QUEUED → EXECUTING builder-1"


def test_the_whole_log_names_the_run_of_each_event(runnotary: Any) -> None:
    """Without a run, `log` goes through all of them in commit order."""
    for run_id in ("one", "two"):
        runnotary("create", run_id)
    lines = runnotary("log").stdout.splitlines()
    assert "run" in lines[0].split()
    assert [line.split()[0] for line in lines[2:]] == ["1", "2"]
    assert [[word for word in line.split() if word in ("one", "two")] for line in lines[2:]] == [
        ["one"],
        ["two"],
    ]


def test_a_list_that_goes_on_says_how(runnotary: Any) -> None:
    """Where there is more, a line on standard error has the option that goes on."""
    for i in range(3):
        runnotary("create", f"run-{i}")
    first = runnotary("runs", "--limit", "2")
    cursor = first.stderr.removeprefix("There are more: --cursor ").strip()
    rest = runnotary("runs", "--limit", "2", "--cursor", cursor)
    ids = [line.split()[0] for told in (first, rest) for line in told.stdout.splitlines()[1:]]
    assert (ids, rest.stderr) == (["run-2", "run-1", "run-0"], "")
    assert runnotary("log", "--limit", "2").stderr == "There are more: --after 2\n"


def test_no_more_is_asked_for_than_is_given(runnotary: Any) -> None:
    """The most items of a list are those that the service gives at once."""
    assert PAGE_MAX == paging.PAGE_MAX
    told = runnotary("runs", "--limit", str(PAGE_MAX + 1))
    assert told.exit_code == 2
    assert "--limit" in told.stderr


def test_nothing_to_list_is_said_beside_the_answer(runnotary: Any) -> None:
    """An empty list is an empty standard output, and a word on standard error."""
    runnotary("create", "one")
    for words, said in (
        (["runs", "--q", "other"], "No such runs."),
        (["refusals"], "Nothing was refused."),
        (["log", "one", "--after", "9"], "No events after 9."),
    ):
        told = runnotary(*words)
        assert (told.exit_code, told.stdout, told.stderr) == (0, "", f"{said}\n")


def test_moves_say_what_leads_where_and_what_is_in_the_way(runnotary: Any) -> None:
    """`moves` lists what may happen, what it needs, and what blocks it with its remedy."""
    runnotary("create", "one", "--phase", "Build")
    told = runnotary("moves", "one", "--to", "DONE_SUCCESS").stdout
    assert "run one is RUN_CREATED, version 2\n" in told
    blocked = "run-not-executing: Propose run.execution_started; then start the phase again."
    assert f"phase.started  EXECUTING          {blocked}\n" in told
    assert "phase.skipped  SKIPPED    reason\n" in told
    assert "moving nothing: run.annotated," in told
    assert (
        "to DONE_SUCCESS: run.execution_started (PHASE_EXECUTION), then run.succeeded (DONE_SUCCESS)\n"
        in told
    )
    lines = [line.strip() for line in told.partition("to DONE_SUCCESS: ")[2].splitlines()[1:]]
    assert [line.partition(" ")[0] for line in lines] == [
        "step", "phases-open:", "remedy:", "directly:", "illegal-move:", "remedy:",
    ]  # fmt: skip
    assert lines[0] == "step 2, run.succeeded, would be refused"
    assert lines[3].endswith("SNAPSHOT_CREATED; it would be refused now")
    nowhere = runnotary("moves", "one", "--to", "QUEUED").stdout
    assert "\nno legal moves lead to QUEUED\n  directly: run.queued, while (new); it would" in nowhere
    assert "directly: run.phases_queued, while RUN_CREATED, SNAPSHOT_CREATED; it is legal now\n" in (
        runnotary("moves", "one", "--to", "PHASE_QUEUEING").stdout
    )
    assert runnotary("moves", "one", "--to", "RUN_CREATED").stdout.endswith("to RUN_CREATED: it is there\n")


def test_refusals_tell_what_to_do(runnotary: Any) -> None:
    """`refusals` has who asked for what, why not, and the remedy."""
    runnotary("create", "one", "--phase", "Build")
    runnotary("propose", "one", "phase.started", "--phase", "phase1-build", "--actor", "builder-1")
    head, detail, remedy = runnotary("refusals", "one").stdout.splitlines()
    assert head.split()[3:] == ["builder-1:", "phase.started", "phase1-build", "run-not-executing"]
    assert detail == "    No phase starts while run 'one' is RUN_CREATED."
    assert remedy == "    remedy: Propose run.execution_started; then start the phase again."


def test_the_machine_needs_no_database(runnotary: Any, tmp_path: Any) -> None:
    """What is legal at all is known without a database, and none is made."""
    told = runnotary("machine", "phase").stdout
    assert ["phase.started", "QUEUED", "EXECUTING"] in map(str.split, told.splitlines())
    assert "phase.repaired (by the service)" in told
    assert runnotary("machine", "run", "--mermaid").stdout.startswith("stateDiagram-v2\n")
    assert json.loads(runnotary("schema", "scope").stdout)["title"] == "scope"
    assert "phase.failed" in runnotary("schema").stdout
    assert list(tmp_path.iterdir()) == []


def test_a_diagram_is_of_one_machine(runnotary: Any) -> None:
    """--mermaid needs to know which of the two."""
    told = runnotary("machine", "--mermaid")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "runnotary machine run --mermaid" in told.stderr
