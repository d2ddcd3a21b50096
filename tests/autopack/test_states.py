"""The law of reports, on both databases: the phase is then as reported, or the refusal is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.states import PhaseState
from tests.autopack.conftest import Executor

STATES = [*PhaseState]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("alone", [True, False], ids=["the only phase", "one of two"])
def test_every_state_from_every_state(executor: Executor, state: str, alone: bool) -> None:
    """Whatever is reported after whatever was: what the database lets through, or one refusal."""
    for goal in STATES:
        run_id = executor.start("a") if alone else executor.start("a", "b")
        assert "events" in executor.report(run_id, "a", state)
        told = executor.report(run_id, "a", goal)
        shown = executor.run(run_id)["phases"][0]["state"]
        kept = executor.client.read(f"/v1/runs/{run_id}/refusals")["items"]
        if "events" in told:
            assert (told["phase"]["state"], shown, kept) == (goal, goal, [])
            assert sum(not event["implied"] for event in told["events"]) <= 1
        else:
            assert (told["code"] in {"illegal-move", "run-terminal"}, shown) == (True, state)
            assert [each["code"] for each in kept] == [told["code"]]
        assert executor.client.post("/v1/verify", json={"run_id": run_id}).json()["ok"]


def test_two_executors_that_report_at_once(executor: Executor) -> None:
    """Each report is judged on what the other left: attempts are dense, and nothing is told twice."""
    run_id = executor.start("a", "b")
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: executor.result(run_id, "a", status="failed"), range(16)))
        assert sum("phase.started" in str(each["events"]) for each in told) == 1
        told = list(threads.map(lambda _: executor.report(run_id, "a", "FAILED"), range(16)))
    assert sum(bool(each["events"]) for each in told) == 1
    assert executor.run(run_id)["phases"][0]["builder_attempts"] == 1
