"""Programs that use the client are type-checked by it, from outside."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from contextlib import aclosing, closing
from collections.abc import AsyncIterator, Iterator

from runnotary_client import AsyncAttempt, AsyncClient, Attempt, Client, Event, IllegalMove, Report, RunShown


def sync(client: Client) -> list[str]:
    with client.run("nightly", goal="x", phases=[{"phase_id": "build"}]) as run:
        with run.phase("build", lease_seconds=60) as attempt:
            report: Report = attempt.submit({"files_changed": []})
            attempt.usage(tokens_used=1)
            attempt.fail("RED", detail="3 tests red")
        shown: RunShown = run.show()
        run.fail("environment")
    claimed: Attempt | None = client.claim(executor="b", lease_seconds=60)
    if claimed is not None:
        with claimed:
            claimed.complete()
    with closing(client.follow()) as live:
        first: Event = next(live)
    events: Iterator[Event] = client.follow(after=first["position"], types=["run.created"])
    try:
        client.propose("nightly", "run.succeeded")
    except IllegalMove as error:
        return error.legal
    return [event["type"] for event in events] + [shown["run_id"], str(report.spooled)]


async def awaited(client: AsyncClient) -> str:
    async with client.run(goal="x") as run:
        async with run.phase("build") as attempt:
            report: Report = await attempt.submit()
            await attempt.complete()
    claimed: AsyncAttempt | None = await client.claim(executor="b", lease_seconds=60)
    assert claimed is not None
    events: AsyncIterator[Event] = client.follow()
    async with aclosing(client.follow()) as live:
        async for event in live:
            return event["type"]
    async for event in events:
        return event["run_id"] + str(report.spooled)
    return ""
"""
WRONG = """
from runnotary_client import AsyncClient, Client


def sync(client: Client) -> None:
    with client.run(goal="x") as run, run.phase("build") as attempt:
        attempt.submit("not a result")
        attempt.fail()
        run.fail("bad luck")
        client.propose("nightly").spooled
        client.show("nightly")["stat"]


async def awaited(client: AsyncClient) -> None:
    with client.run(goal="x"):
        pass
    client.show("nightly")["state"]
"""
ERRORS = {
    7: "arg-type",
    8: "call-arg",
    9: "arg-type",
    10: "call-arg",
    11: "misc",
    15: "attr-defined",
    17: "index",
}


def checked(tmp_path: Path, program: str) -> list[str]:
    """What mypy --strict says of a program, without any setting of ours."""
    (tmp_path / "program.py").write_text(program)
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.splitlines() + told.stderr.splitlines()


def test_a_program_that_is_right_is_taken(tmp_path: Path) -> None:
    """What the methods give is known, for both clients, without a word of the caller's."""
    assert checked(tmp_path, PROGRAM) == []


def test_a_program_that_is_wrong_is_told(tmp_path: Path) -> None:
    """Wrong arguments, a forgotten await, a `with` of the wrong kind are found before it runs."""
    found = {}
    for line in checked(tmp_path, WRONG):
        if ": error:" in line:
            found[int(line.split(":")[1])] = line.rpartition("[")[2].rstrip("]")
    assert found == ERRORS
