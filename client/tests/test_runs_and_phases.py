"""A `with` around a run and a phase records how they went, whatever happens inside."""

import sys

import pytest
from runnotary_client import AlreadyExists, Client, IllegalMove, NotFound, RunOver, StaleAttempt

from client.tests.proxy import Proxy
from client.tests.record import events, last, story
from tests.end_to_end.service import Server


def test_a_run_from_beginning_to_end(run_id: str, own_server: Server, client: Client) -> None:
    """Entering a run creates it and lets phases start; a phase is added and completed; the run is done."""
    with client.run(goal="Predict output sizes") as run:
        with run.phase("build") as attempt:
            attempt.submit({"files_changed": ["src/predictor.py"]})
            attempt.complete()
    assert run.run_id == "predict-output-sizes"
    assert story(own_server, run.run_id) == [
        ("run.created", None),
        ("run.execution_started", None),
        ("phase.added", None),
        ("phase.started", 1),
        ("phase.submitted", 1),
        ("phase.completed", 1),
        ("run.succeeded", None),
    ]
    assert {event["actor"] for event in events(own_server, run.run_id)} == {"builder-1"}


def test_an_exception_fails_the_phase(run_id: str, server: Server, client: Client) -> None:
    """An exception inside is recorded as phase.failed with its type and message, and goes on."""
    with pytest.raises(ZeroDivisionError), client.run(run_id, goal="g") as run, run.phase("build"):
        _ = 1 / 0
    assert (last(server, run_id)["type"], last(server, run_id)["data"]) == (
        "phase.failed",
        {"outcome": "ZeroDivisionError", "detail": "division by zero"},
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_an_interruption_releases_the_phase(
    run_id: str, server: Server, client: Client, error: BaseException
) -> None:
    """Ctrl-C and sys.exit say nothing about the work: the phase is given back, not failed."""
    with pytest.raises(type(error)), client.run(run_id, goal="g") as run, run.phase("build"):
        raise error
    assert last(server, run_id)["type"] == "phase.released"
    assert last(server, run_id)["data"] == {"why": type(error).__name__}


def test_leaving_without_an_outcome_releases_the_phase(run_id: str, server: Server, client: Client) -> None:
    """A phase that is left without a word about it waits again, and the run goes on."""
    with client.run(run_id, goal="g") as run, run.phase("build"):
        pass
    assert story(server, run_id)[-2:] == [("phase.started", 1), ("phase.released", 1)]


def test_an_outcome_is_said_once(run_id: str, server: Server, client: Client) -> None:
    """After an outcome, nothing more is recorded for an exception or for leaving."""
    with (
        pytest.raises(ValueError, match="late"),
        client.run(run_id, goal="g") as run,
        run.phase("build") as attempt,
    ):
        attempt.fail("CI_FAILED", "3 tests red")
        raise ValueError("late")
    assert (last(server, run_id)["type"], last(server, run_id)["data"]["outcome"]) == (
        "phase.failed",
        "CI_FAILED",
    )


def test_a_failed_phase_is_tried_again_where_that_is_said(
    run_id: str, server: Server, client: Client
) -> None:
    """`again` queues a failed phase anew; without it the refusal says what would."""
    with client.run(run_id, goal="g") as run:
        with run.phase("build") as attempt:
            attempt.fail("RED")
        with pytest.raises(IllegalMove, match="requeued"), run.phase("build"):
            pass
        with run.phase("build", again=True) as attempt:
            assert attempt.number == 2
            attempt.complete()
    assert last(server, run_id)["type"] == "run.succeeded"


def test_a_run_that_is_there_is_taken_up(run_id: str, server: Server, client: Client) -> None:
    """The same program started again goes on with its run; phases that are settled stay so."""
    for word in ("build", "test"):
        with client.run(run_id, goal="g", phases=[{"phase_id": "build"}, {"phase_id": "test"}]) as run:
            with run.phase(word) as attempt:
                attempt.complete()
    assert [kind for kind, _ in story(server, run_id)].count("run.created") == 1
    assert last(server, run_id)["type"] == "run.succeeded"


def test_a_run_id_alone_creates_nothing_and_ends_nothing(run_id: str, server: Server, client: Client) -> None:
    """A run_id that is mistyped makes no run; a run that others keep is not ended by who worked in it."""
    server.create("nightly", phases=[{"phase_id": "build"}])
    with pytest.raises(NotFound, match="nightly"), client.run("nightli"):
        pass
    with client.run("nightly") as run, run.phase("build") as attempt:
        attempt.complete()
    assert last(server, "nightly")["type"] == "phase.completed"
    with pytest.raises(TypeError, match="goal"):
        client.run()


def test_a_run_with_an_open_phase_is_not_ended(run_id: str, server: Server, client: Client) -> None:
    """Leaving a run with a phase that waits, or with none, records nothing about the run."""
    with client.run(run_id, goal="g", phases=[{"phase_id": "build"}, {"phase_id": "test"}]) as run:
        with run.phase("build") as attempt:
            attempt.complete()
    with client.run(f"{run_id}-2", goal="g"):
        pass
    assert (last(server, run_id)["type"], last(server, f"{run_id}-2")["type"]) == (
        "phase.completed",
        "run.execution_started",
    )


def test_an_exception_says_nothing_about_the_run(run_id: str, server: Server, client: Client) -> None:
    """A run is not failed by an exception that passes through: others may go on with it."""
    with pytest.raises(ValueError, match="x"), client.run(run_id, goal="g"):
        raise ValueError("x")
    assert last(server, run_id)["type"] == "run.execution_started"
    with client.run(run_id) as run:
        run.fail("environment", "no disk")
    assert last(server, run_id)["state_after"] == "DONE_FAILED_ENVIRONMENT"
    with pytest.raises(RunOver), client.run(run_id) as run, run.phase("build"):
        pass


@pytest.mark.parametrize("state", ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED"])
def test_a_run_in_any_opening_state_is_brought_to_work(
    run_id: str, server: Server, client: Client, state: str
) -> None:
    """Whatever state a planner opened a run in, an executor that enters it can start its phases."""
    server.create(run_id, state=state, phases=[{"phase_id": "p"}])
    with client.run(run_id) as run, run.phase("p") as attempt:
        attempt.complete()
    assert last(server, run_id)["type"] == "phase.completed"


def test_a_phase_is_found_by_its_name(run_id: str, server: Server, client: Client) -> None:
    """A phase is meant by its id, or by its name; one that is not there is added with what is said of it."""
    server.create(run_id, phases=[{"name": "Build"}])
    with client.run(run_id) as run:
        with run.phase("Build") as attempt:
            assert attempt.phase_id == "phase1-build"
            attempt.complete()
        with run.phase("deploy", name="Deploy", scope={"goal": "Roll out"}, max_attempts=2) as attempt:
            attempt.complete()
        added = run.show()["phases"][1]
    assert (added["phase_id"], added["name"], (added["scope"] or {})["goal"]) == (
        "deploy",
        "Deploy",
        "Roll out",
    )


def test_an_attempt_can_be_gone_on_with(run_id: str, server: Server, client: Client) -> None:
    """A program that knows the number of its open attempt goes on with it; another number is stale."""
    server.create(run_id, phases=[{"phase_id": "p"}])
    server.record(run_id, "run.execution_started")
    server.record(run_id, "phase.started", phase_id="p")
    with client.run(run_id) as run:
        with pytest.raises(StaleAttempt), run.attempt("p", 2) as attempt:
            attempt.submit()
        with run.attempt("p", 1) as attempt:
            attempt.complete()
    assert story(server, run_id)[-1] == ("phase.completed", 1)


def test_a_phase_that_another_works_on_is_not_taken(run_id: str, server: Server, client: Client) -> None:
    """Two executors cannot both start a phase: the second is refused, and records nothing on leaving."""
    with client.run(run_id, goal="g") as run, run.phase("build") as attempt:
        with pytest.raises(IllegalMove), run.phase("build"):
            raise AssertionError
        attempt.complete()
    assert story(server, run_id)[-2:] == [("phase.completed", 1), ("run.succeeded", None)]


def test_everything_about_an_attempt_can_be_said(run_id: str, server: Server, client: Client) -> None:
    """CI, revision, usage, results and notes of an attempt; labels, notes and usage of a run."""
    with client.run(run_id, goal="g") as run, run.phase("p") as attempt:
        attempt.submit()
        attempt.ci_started()
        attempt.revise("one test is red")
        attempt.usage(tokens_used=1_000, ci_runs_used=1)
        attempt.result({"recommendation": "approve"})
        attempt.annotate("flaky on Mondays", tags=["ci"])
        run.label({"team": "core"})
        run.usage(tokens_used=10)
        run.annotate("by hand")
        attempt.complete()
        run.add_phase(name="Never")
        run.skip("phase2-never", "not needed")
        shown = run.show()
    assert (shown["usage"]["tokens_used"], shown["labels"]) == (1_010, {"team": "core"})
    assert last(server, run_id)["type"] == "run.succeeded"


def test_only_its_owner_is_told_that_a_run_is_there(run_id: str, client: Client, proxy: Proxy) -> None:
    """A phase that is added twice is refused as being there."""
    with client.run(run_id, goal="g") as run:
        run.add_phase("p")
        with pytest.raises(AlreadyExists):
            run.add_phase("p")


def test_what_cannot_be_recorded_is_told_with_the_exception(
    run_id: str, client: Client, own_server: Server
) -> None:
    """Where the service is gone when the work fails, the work's own exception comes out, with a note."""
    with (
        pytest.raises(ValueError, match="boom") as raised,
        client.run(run_id, goal="g") as run,
        run.phase("p"),
    ):
        own_server.kill()
        raise ValueError("boom")
    assert "could not be recorded" in raised.value.__notes__[0]
    assert sys.exc_info() == (None, None, None)
