"""Writers and readers go on while one rebuild follows another: nothing is lost, refused, or stale."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Barrier, Event
from typing import Any

import pytest

from api.ledger import Ledger
from api.replay import rebuild as module
from api.settings import Settings
from tests.databases import Scratch
from tests.end_to_end.service import SECONDS, Answer, Server, ask, assert_sound, serving
from tests.ledgers import OpenLedger
from tests.replay.rebuilding import TABLES, assert_right, last, rebuilding

WRITERS = 5
EVENTS = 16
"""That each of them records, one after another."""


def while_rebuilding(
    writers: Sequence[Callable[[], None]], rebuild: Callable[[int], object], least: int
) -> int:
    """Run writers, and rebuild again and again until they are done; how often."""
    barrier, ended = Barrier(len(writers) + 1), Event()

    def written(writer: Callable[[], None]) -> None:
        barrier.wait(SECONDS)
        writer()

    def rebuilt() -> int:
        barrier.wait(SECONDS)
        for number in count():
            if number >= least and ended.is_set():
                return number
            rebuild(number)
        raise AssertionError

    with ThreadPoolExecutor(len(writers) + 1) as threads:
        rebuilds = threads.submit(rebuilt)
        try:
            for each in [threads.submit(written, writer) for writer in writers]:
                each.result()
        finally:
            ended.set()
        return rebuilds.result()


def test_everybody_goes_on_with_a_ledger(
    open_ledger: OpenLedger, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes write and read what they were told, and what the other was told; a third rebuilds."""
    monkeypatch.setattr(module, "SHARD", 20)
    monkeypatch.setattr(module, "FEW", 2)
    ledgers = [open_ledger(), open_ledger()]
    told: dict[str, int] = {}

    def writer(number: int) -> Callable[[], None]:
        mine, other = ledgers[number % 2], ledgers[(number + 1) % 2]

        def writes() -> None:
            made = mine.create_run({"goal": "one and the same", "phases": [{"phase_id": "p1"}]})
            run_id = made[-1].run.run_id
            version = 2
            for step in range(EVENTS):
                before = dict(told)
                if step % 8 == 7:
                    other.create_run({"run_id": f"{run_id}-{step}", "labels": {"of": run_id}})
                    assert other.run(f"{run_id}-{step}")["version"] == 1
                    assert len(mine.runs(labels=[("of", run_id)], limit=9)) == step // 8 + 1
                note = {"type": "phase.annotated", "phase_id": "p1", "data": {"text": str(step)}}
                version = mine.propose(run_id, note)[0].run.version
                told[run_id] = version
                seen = other.run(run_id)
                assert seen["version"] == version
                assert [each["text"] for each in seen["annotations"]] == list(map(str, range(step + 1)))
                assert mine.phase(run_id, "p1")["state"] == "QUEUED"
                assert mine.events_of(run_id, after_version=version, limit=9) == []
                assert mine.refusals(run_id=run_id, before=None, limit=9) == []
                assert all(other.run(each)["version"] >= least for each, least in before.items())

        return writes

    third = open_ledger()
    rebuilds = while_rebuilding(
        [writer(number) for number in range(WRITERS)],
        lambda number: last(rebuilding(third, None if number % 3 else [TABLES[number % 4]])),
        least=6,
    )
    assert rebuilds >= 6
    assert len(told) == WRITERS
    log = third.log(after=0, limit=10_000)
    assert len(log) == WRITERS * (2 + EVENTS + EVENTS // 8)
    assert_right(third.engine, raw)


def answered(answer: Answer, status: int = 200) -> dict[str, Any]:
    assert answer.status == status, answer
    return answer.body


def test_everybody_goes_on_with_a_service(backend: str, scratch_database: Scratch, connect: Any) -> None:
    """Over HTTP: every write is taken, every read is as new as what its reader was told."""

    def writer(server: Server, number: int) -> Callable[[], None]:
        def writes() -> None:
            run, run_id = f"/v1/runs/run-{number}", f"run-{number}"
            with closing(server.connect()) as connection:
                new = {"run_id": run_id, "phases": [{"phase_id": "p1"}]}
                answered(ask(connection, "POST", "/v1/runs", new), 201)
                for step in range(EVENTS):
                    note = {"type": "run.annotated", "data": {"text": str(step)}}
                    told = answered(ask(connection, "POST", f"{run}/events", note), 201)
                    seen = answered(ask(connection, "GET", run))
                    assert seen["version"] == told["run"]["version"] == step + 3
                    assert len(seen["annotations"]) == step + 1
                    assert len(answered(ask(connection, "GET", "/v1/runs?limit=100"))["items"]) >= 1
                    assert answered(ask(connection, "GET", f"{run}/phases/p1"))["state"] == "QUEUED"
                    after = f"{run}/events?after_version={step + 3}"
                    assert answered(ask(connection, "GET", after))["items"] == []

        return writes

    with scratch_database(backend) as url, serving(url) as server:
        rebuilds = while_rebuilding(
            [writer(server, number) for number in range(WRITERS)],
            lambda number: answered(server.call("POST", "/v1/projections/rebuild", {})),
            least=4,
        )
        assert rebuilds >= 4
        report = answered(server.call("POST", "/v1/verify", {}))
        assert (report["ok"], report["events"]) == (True, WRITERS * (2 + EVENTS))
        assert server.stop() == 0
        assert "Traceback" not in server.logged()
        assert len(assert_sound(url)) == WRITERS * (2 + EVENTS)
        with Ledger.open(Settings(database_url=url)) as ledger, closing(connect(url)) as raw:
            assert_right(ledger.engine, raw)
