"""Requests for approval: asked by executors, answered by people, and events of their run."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from freezegun import freeze_time

from api.ledger import now
from tests.api.client import Client, refused, unused
from tests.autopack.conftest import Executor, led
from tests.databases import Scratch

ASKED = {
    "context": "build113_risky_decision",
    "decision_info": {"risk_level": "high"},
    "patch_preview": "+ a",
}


@pytest.fixture
def hasty(backend: str, scratch_database: Scratch) -> Iterator[Executor]:
    """An executor whose requests wait for a second only."""
    with scratch_database(backend) as url, Client(url, autopack_api=True, approval_seconds=1) as client:
        yield Executor(client)


def test_a_request_waits_until_a_person_grants_it(executor: Executor) -> None:
    """Asked, answered through /v1, and read by who asked; all of it is in the run's history."""
    run_id = executor.start("a")
    told = executor.call("POST", "/approval/request", {"run_id": run_id, "phase_id": "a", **ASKED})
    assert (told["status"], led(told)) == ("pending", ["run.approval_requested"])
    number = told["approval_id"]
    assert executor.call("GET", f"/approval/status/{number}")["status"] == "pending"
    waiting = executor.call("GET", "/approval/pending")["requests"]
    assert [each["decision_info"] for each in waiting if each["id"] == number] == [{"risk_level": "high"}]
    shown = executor.client.read(f"/v1/approvals/{number}")
    assert (shown["run_id"], shown["phase_id"], shown["patch_preview"]) == (run_id, "a", "+ a")
    executor.client.record(
        run_id,
        "run.approval_granted",
        data={"approval": shown["approval"], "reason": "it is generated"},
        headers={"X-Actor": "ann"},
    )
    told = executor.call("GET", f"/approval/status/{number}")
    assert (told["status"], told["approval_reason"], told["response_method"]) == (
        *("approved", "it is generated", "ann"),
    )
    assert executor.run(run_id)["state"] == "RUN_CREATED"


def test_a_request_that_is_denied_is_rejected_with_the_reason(executor: Executor) -> None:
    """An answer that names none is for the only one that waits."""
    run_id = executor.start("a")
    number = executor.call("POST", "/approval/request", {"run_id": run_id, **ASKED})["approval_id"]
    executor.client.record(run_id, "run.approval_denied", data={"reason": "src/core stays"})
    told = executor.call("GET", f"/approval/status/{number}")
    assert (told["status"], told["rejected_reason"], told["approval_reason"]) == (
        *("rejected", "src/core stays", None),
    )
    answer = executor.client.propose(run_id, "run.approval_granted", data={"approval": 3})
    assert refused(answer, 409, "approval-answered")["status"] == 409
    refused(executor.client.propose(run_id, "run.approval_granted"), 404, "approval-not-found")


def test_several_that_wait_have_to_be_named(executor: Executor) -> None:
    """Else nobody would know which was meant; the refusal says which there are."""
    run_id = executor.start("a")
    for context in ("one", "two"):
        executor.call("POST", "/approval/request", {"run_id": run_id, "context": context})
    told = refused(executor.client.propose(run_id, "run.approval_granted"), 404, "approval-not-found")
    assert told["waiting"] == [3, 4]
    executor.client.record(run_id, "run.approval_granted", data={"approval": 4})
    page = executor.client.read("/v1/approvals", run_id=run_id)["items"]
    assert [(each["context"], each["status"]) for each in page] == [("two", "granted"), ("one", "pending")]
    page = executor.client.read("/v1/approvals", run_id=run_id, status="pending")["items"]
    assert [each["context"] for each in page] == ["one"]


def test_the_same_question_is_not_asked_twice(executor: Executor) -> None:
    """An executor that was restarted asks again, and waits for the same answer; after one it asks anew."""
    run_id = executor.start("a")
    body = {"run_id": run_id, "phase_id": "a", **ASKED}
    first, again = (executor.call("POST", "/approval/request", body) for _ in range(2))
    assert first["approval_id"] == again["approval_id"]
    assert again["events"] == []
    executor.client.record(run_id, "run.approval_denied")
    assert executor.call("POST", "/approval/request", body)["approval_id"] != first["approval_id"]


def test_time_that_ran_out_is_an_event_and_a_rejection(hasty: Executor) -> None:
    """That executor knows no word for it, and would go on asking; the run's history has the right one."""
    run_id = hasty.start("a")
    number = hasty.call("POST", "/approval/request", {"run_id": run_id, **ASKED})["approval_id"]
    assert hasty.call("GET", f"/approval/status/{number}")["status"] == "pending"
    with freeze_time(now() + timedelta(seconds=2), tick=True, ignore=["asyncio", "anyio"]):
        told = hasty.call("GET", f"/approval/status/{number}")
        assert (told["status"], told["rejected_reason"]) == ("rejected", "nobody answered in time")
        assert hasty.call("GET", "/approval/pending")["count"] == 0
    (expired,) = [
        event
        for event in hasty.client.read(f"/v1/runs/{run_id}/events")["items"]
        if event["type"] == "run.approval_expired"
    ]
    assert (expired["actor"], expired["data"]) == ("runnotary", {"approval": 3})
    answer = hasty.client.propose(run_id, "run.approval_granted", data={"approval": 3})
    assert "expired" in refused(answer, 409, "approval-answered")["detail"]


def test_an_answer_that_came_in_time_is_not_expired(hasty: Executor) -> None:
    """What was answered stays so, whenever it is looked at."""
    run_id = hasty.start("a")
    number = hasty.call("POST", "/approval/request", {"run_id": run_id, **ASKED})["approval_id"]
    hasty.client.record(run_id, "run.approval_granted")
    with freeze_time(now() + timedelta(hours=2), tick=True, ignore=["asyncio", "anyio"]):
        assert hasty.call("GET", f"/approval/status/{number}")["status"] == "approved"


def test_a_request_may_be_made_through_v1(executor: Executor) -> None:
    """An event like any other; without a time it waits for ever, and the phase that it names is there."""
    run_id = executor.client.executing("a")
    executor.client.record(run_id, "run.approval_requested", data={"context": "delete it?", "phase_id": "a"})
    (shown,) = executor.client.read("/v1/approvals", run_id=run_id)["items"]
    assert (shown["expires_at"], shown["status"]) == (None, "pending")
    answer = executor.client.propose(run_id, "run.approval_requested", data={"context": "x", "phase_id": "b"})
    refused(answer, 404, "phase-not-found")
    refused(executor.client.get("/v1/approvals/999999"), 404, "approval-not-found")


def test_approvals_are_listed_page_by_page(executor: Executor) -> None:
    """Newest first, each once."""
    run_id = executor.start("a")
    for number in range(5):
        executor.call("POST", "/approval/request", {"run_id": run_id, "context": str(number)})
    shown = [
        each["context"]
        for page in executor.client.pages(f"/v1/approvals?run_id={run_id}&limit=2")
        for each in page["items"]
    ]
    assert shown == ["4", "3", "2", "1", "0"]


def test_the_tables_are_what_the_log_says_of_them(executor: Executor) -> None:
    """Requests and answers are proved with the rest."""
    run_id = executor.start("a")
    executor.call("POST", "/approval/request", {"run_id": run_id, "phase_id": "a", **ASKED})
    executor.client.record(run_id, "run.approval_denied")
    told = executor.client.post("/v1/verify", json={"run_id": run_id}).json()
    assert told["ok"], told


def test_nobody_asks_for_a_run_that_is_not_there(executor: Executor) -> None:
    """Two of four requests that were found in a real database were for a run that never was."""
    told = executor.call("POST", "/approval/request", {"run_id": unused(), "phase_id": "a", **ASKED})
    assert told["code"] == "run-not-found"
