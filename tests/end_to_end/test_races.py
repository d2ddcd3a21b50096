"""Many callers at the same moment, on one process and on two that share a database."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import count, cycle
from threading import Event
from typing import Any

import pytest

from tests.databases import Scratch
from tests.end_to_end.service import Answer, Server, ask, assert_sound, at_once, serving

SETUPS = {"one process on SQLite": ("sqlite", 1), "one on PostgreSQL": ("postgresql", 1)} | {
    "two on PostgreSQL": ("postgresql", 2)
}
_NUMBERS = count(1)


@pytest.fixture(scope="module", params=[*SETUPS.values()], ids=[*SETUPS])
def servers(request: pytest.FixtureRequest, scratch_database: Scratch) -> Iterator[list[Server]]:
    """Processes on one database; when all tests are through, what they left behind is sound."""
    backend, processes = request.param
    with scratch_database(backend) as url:
        with ExitStack() as stack:
            yield [stack.enter_context(serving(url)) for _ in range(processes)]
        assert_sound(url)


def all_post(servers: list[Server], times: int, path: str, body: Any, **headers: str) -> list[Answer]:
    """The answers to the same request, sent by so many callers at once, in turn to each process."""
    turns = [server for server, _ in zip(cycle(servers), range(times), strict=False)]
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(server.connect())) for server in turns]
        for connection in connections:
            connection.connect()
        return at_once([partial(ask, each, "POST", path, body, **headers) for each in connections])


@pytest.mark.parametrize("round_", range(4))
def test_of_many_who_start_a_phase_one_does(servers: list[Server], round_: int) -> None:
    """When 32 executors start the same phase at once, one has it, and 31 are told what is legal instead."""
    run_id = servers[0].create(f"start-{next(_NUMBERS)}", phases=[{"phase_id": "p1"}])
    servers[0].record(run_id, "run.execution_started")
    path, body = f"/v1/runs/{run_id}/events", {"type": "phase.started", "phase_id": "p1"}
    answers = all_post(servers, 32, path, body)
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 31}
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"illegal-move"}
    for server in servers:
        run = server.call("GET", f"/v1/runs/{run_id}").body
        assert (run["version"], run["phases"][0]["attempt"]) == (4, 1)


def test_of_many_who_expect_a_version_one_is_right(servers: list[Server]) -> None:
    """When 32 callers expect the same version, one is recorded and 31 are told that the run moved on."""
    run_id = servers[0].create(f"expect-{next(_NUMBERS)}")
    body = {"type": "run.annotated", "data": {"text": "x"}, "expected_version": 1}
    answers = all_post(servers, 32, f"/v1/runs/{run_id}/events", body)
    assert Counter(answer.status for answer in answers) == {201: 1, 412: 31}
    assert {answer.body["current_version"] for answer in answers if answer.status == 412} == {2}


def test_of_many_who_create_a_run_one_does(servers: list[Server]) -> None:
    """When 32 callers create one run, one does; when they only name a goal, each gets a run of its own."""
    run_id = f"create-{next(_NUMBERS)}"
    answers = all_post(servers, 32, "/v1/runs", {"run_id": run_id, "phases": [{}]})
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 31}
    answers = all_post(servers, 32, "/v1/runs", {"goal": f"goal {run_id}", "phases": [{}]})
    assert Counter(answer.status for answer in answers) == {201: 32}
    assert len({answer.body["run_id"] for answer in answers}) == 32


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/runs/RUN/events", {"type": "run.usage_recorded", "data": {"tokens_used": 5}}),
        ("/v1/runs/RUN/phases", {"name": "Build"}),
        ("/v1/runs", {"goal": "once RUN", "phases": [{"name": "Build"}, {"name": "Test"}]}),
        ("/v1/events", {"atomic": True, "events": [{"run_id": "RUN", "type": "run.held"}] * 3}),
    ],
    ids=["an event", "a phase", "a run", "a batch"],
)
def test_one_key_is_one_recording(servers: list[Server], path: str, body: dict[str, Any]) -> None:
    """When the same request comes 64 times at once under one key, it is recorded once and answered alike."""
    run_id = servers[0].create(f"key-{next(_NUMBERS)}")
    body = json.loads(json.dumps(body).replace("RUN", run_id))
    before = servers[0].record(run_id, "run.annotated", data={"text": "before"})["event"]["position"]
    answers = all_post(
        servers, 64, path.replace("RUN", run_id), body, Idempotency_Key=f"key-{next(_NUMBERS)}"
    )
    assert {answer.status for answer in answers} == {201}
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert Counter(replayed) == {None: 1, "true": 63}
    for answer in answers:
        for result in answer.body.get("results", []):
            result.pop("replayed")
    assert [answer.body for answer in answers if answer.body != answers[0].body] == []
    recorded = servers[-1].call("GET", f"/v1/events?after={before}").body["items"]
    assert len(recorded) == {"/v1/events": 3, "/v1/runs": 3}.get(path, 1)


def test_callers_take_turns_on_one_run(servers: list[Server]) -> None:
    """What one process recorded the next one knows at once, whatever it remembers of the run."""
    run_id = servers[0].create(f"turns-{next(_NUMBERS)}", phases=[{"phase_id": "p1", "max_attempts": 9}])
    servers[-1].record(run_id, "run.execution_started")
    turns = cycle(servers)
    for attempt in range(1, 10):
        started = next(turns).record(run_id, "phase.started", phase_id="p1", expected_version=1 + 2 * attempt)
        assert started["event"]["attempt"] == attempt
        for server in servers:
            assert server.call("GET", f"/v1/runs/{run_id}").body["phases"][0]["attempt"] == attempt
        body = {"type": "phase.released", "phase_id": "p1", "attempt": attempt}
        for status in (201, *[200] * len(servers)):
            assert next(turns).call("POST", f"/v1/runs/{run_id}/events", body).status == status
    body = {"type": "phase.started", "phase_id": "p1"}
    for server in servers:
        answer = server.call("POST", f"/v1/runs/{run_id}/events", body)
        assert (answer.status, answer.body["code"]) == (409, "attempts-exhausted")


def write(server: Server, run_id: str) -> None:
    """Twenty batches of five, one after another."""
    with closing(server.connect()) as connection:
        for number in range(20):
            note = {"run_id": run_id, "type": "run.annotated", "data": {"text": str(number)}}
            answer = ask(connection, "POST", "/v1/events", {"atomic": True, "events": [note] * 5})
            assert answer.status == 201, answer


def positions_read(server: Server, after: int, ended: Event) -> list[int]:
    """What a reader of the log sees that only ever moves forward."""
    seen = [after]
    with closing(server.connect()) as connection:
        while True:
            is_last = ended.is_set()
            items = ask(connection, "GET", f"/v1/events?after={seen[-1]}&limit=37").body["items"]
            seen += [event["position"] for event in items]
            if is_last and not items:
                return seen


def versions_read(server: Server, run_id: str, ended: Event) -> set[int]:
    """The versions at which a reader sees a run."""
    versions = set()
    with closing(server.connect()) as connection:
        while not ended.is_set():
            versions.add(ask(connection, "GET", f"/v1/runs/{run_id}").body["version"])
    return versions


def test_a_reader_that_moves_forward_misses_nothing(servers: list[Server]) -> None:
    """While many write, readers see every position once and in order, and of a batch all or nothing."""
    run_ids = [servers[0].create(f"write-{next(_NUMBERS)}") for _ in range(8)]
    start = servers[0].record(run_ids[0], "run.held")["event"]["position"]
    ended = Event()

    def write_all() -> None:
        try:
            turns = zip(cycle(servers), run_ids, strict=False)
            at_once([partial(write, server, run_id) for server, run_id in turns])
        finally:
            ended.set()

    jobs: list[Any] = [write_all]
    jobs += [partial(positions_read, server, start, ended) for server in servers]
    jobs += [partial(versions_read, server, run_ids[-1], ended) for server in servers]
    _, *told = at_once(jobs)
    for seen in told[: len(servers)]:
        assert seen == list(range(start, start + 1 + 8 * 20 * 5))
    for versions in told[len(servers) :]:
        assert {version % 5 for version in versions} == {1}
