"""`runnotary tail`: the newest events, and those that come, from a database and from a service."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from api.settings import Settings


def told(following: Any, count: int) -> list[dict[str, Any]]:
    """So many events that a process that goes on has told."""
    return [json.loads(following.stdout.readline()) for _ in range(count)]


def test_the_newest_are_told_in_order(runnotary: Any) -> None:
    """Without more words the last ten are told, or as many as are asked for; or all after a position."""
    for number in range(12):
        runnotary("create", f"run-{number}")
    lines = runnotary("tail").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [str(number) for number in range(3, 13)]
    assert "run.created" in lines[1]
    for words, positions in (
        (("-n", "2"), [11, 12]),
        (("--after", "9"), [10, 11, 12]),
        (("--after", "0"), list(range(1, 13))),
        (("run-4",), [5]),
        (("--type", "run.held", "--type", "run.created", "-n", "1"), [12]),
    ):
        printed = runnotary("tail", "--json", *words).stdout.splitlines()
        assert [json.loads(line)["position"] for line in printed] == positions


def test_long_logs_are_told_page_by_page(runnotary: Any) -> None:
    """More than one answer holds is told whole."""
    notes = [
        {"run_id": "one", "type": "run.annotated", "data": {"text": str(number)}} for number in range(600)
    ]
    with Ledger.open(Settings()) as ledger:
        ledger.create_run({"run_id": "one"})
        ledger.propose_all(notes)
    printed = runnotary("tail", "--json", "--after", "0").stdout.splitlines()
    assert [json.loads(line)["position"] for line in printed] == list(range(1, 602))


def test_that_there_are_none_is_told(runnotary: Any) -> None:
    """An empty log, or nothing of what is wanted, is said; a slip is refused with its remedy."""
    runnotary("create", "one")
    assert runnotary("tail", "--type", "run.held").stderr == "No such events.\n"
    assert runnotary("tail", "--after", "1").stderr == "No such events.\n"
    refused = runnotary("tail", "nobody")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "No run is called 'nobody'." in refused.stderr
    assert "did you mean" in runnotary("tail", "--type", "run.hold").stderr.lower()


@pytest.mark.parametrize("where", ["database", "server"])
def test_it_follows_until_it_is_told_to_end(
    start: Any, serving: Any, process: Any, tmp_path: Path, where: str
) -> None:
    """What others record is told as it comes, from the place where it began; Ctrl-C ends it quietly."""
    with serving(tmp_path) as service:
        for name in ("one", "two"):
            service.post("/v1/runs", {"run_id": name})
        to = ("--server", service.url) if where == "server" else ()
        with start("tail", "-f", "--json", "-n", "1", *to) as following:
            assert [event["run_id"] for event in told(following, 1)] == ["two"]
            service.post("/v1/runs", {"run_id": "three", "phases": [{"name": "Build"}]})
            assert process("create", "four").returncode == 0
            events = told(following, 3)
            assert [event["position"] for event in events] == [3, 4, 5]
            following.send_signal(signal.SIGINT)
            assert following.communicate() == (b"", b"")
            assert following.returncode == 130


def test_a_service_that_comes_back_is_followed_on(start: Any, serving: Any, tmp_path: Path) -> None:
    """When the service has ended, it is asked again until it is back, and what came meanwhile is told."""
    with serving(tmp_path) as service:
        port = service.url.rpartition(":")[2]
        service.post("/v1/runs", {"run_id": "one"})
        with start("tail", "-f", "--json", "--server", service.url, "--type", "run.created") as following:
            assert told(following, 1)[0]["position"] == 1
            service.end()
            said = following.stderr.readline().decode()
            assert said == f"{service.url} has ended the stream, or is not there. Asking until it is back.\n"
            with serving(tmp_path, ("--port", port)) as again:
                again.post("/v1/runs", {"run_id": "two", "phases": [{"name": "Build"}]})
                again.post("/v1/runs", {"run_id": "three"})
                assert [event["position"] for event in told(following, 2)] == [2, 4]
                following.send_signal(signal.SIGTERM)
                following.communicate()


def test_only_what_is_new(start: Any, serving: Any, tmp_path: Path) -> None:
    """With -n 0 nothing is told of what is there already."""
    with serving(tmp_path) as service:
        service.post("/v1/runs", {"run_id": "one"})
        with start("tail", "-f", "--json", "-n", "0", "one", "--server", service.url) as following:
            number = 0
            # It says nothing when it has begun, so something new comes until it has.
            while not following.poll() and number < 500:
                number += 1
                service.post("/v1/runs/one/events", {"type": "run.annotated", "data": {"text": str(number)}})
                if readable(following):
                    break
            (event,) = told(following, 1)
            assert event["position"] > 1
            following.send_signal(signal.SIGINT)
            following.communicate()


def readable(following: Any) -> bool:
    """Whether it has told anything."""
    from select import select

    return bool(select([following.stdout], [], [], 0.05)[0])
