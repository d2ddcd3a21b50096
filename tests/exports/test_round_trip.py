"""An export, restored, is the same database: on either kind, from either kind."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.commands import Asked
from api.ledger import Ledger
from api.settings import Settings
from eventstore import chain
from tests.carried import GOLDEN, Contents, Export, Live, Restore
from tests.databases import Scratch

few = settings(
    max_examples=3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
@few
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 30))
def test_whatever_happened_is_restored(
    seed: int,
    steps: int,
    backend: str,
    other: str,
    scratch_database: Scratch,
    live: Live,
    export: Export,
    restore: Restore,
    contents: Contents,
) -> None:
    """Every row of the log, of the keys and of the tables is as it was; the way back leads to the same."""
    with (
        scratch_database(backend) as first,
        scratch_database(other) as second,
        scratch_database(backend) as third,
    ):
        with Ledger.open(Settings(database_url=first)) as ledger:
            live(ledger, seed, steps)
        log = export(first)
        told = restore(second, log)
        assert contents(second) == contents(first)
        assert (told.events, told.keys) == tuple(
            map(len, (contents(first)["events"], contents(first)["commands"]))
        )
        there = export(second)
        # Two kinds of database may sort keys in different orders.
        assert sorted(there.splitlines()) == sorted(log.splitlines())
        assert there == log or other != backend
        restore(third, there)
        assert contents(third) == contents(first)
        assert export(third) == log


def test_a_restored_log_goes_on_where_the_old_one_ended(
    database_url: str, scratch_database: Scratch, backend: str, export: Export, restore: Restore
) -> None:
    """The next event follows the last, and a request that comes again gets its first answer."""
    held, started = {"type": "run.held"}, {"type": "run.execution_started", "event_id": "e-1"}
    with Ledger.open(Settings(database_url=database_url)) as ledger:
        ledger.create_run({"run_id": "a", "phases": [{}]}, Asked(key="create"))
        first = [ledger.propose("a", held, Asked(key="hold"))[0], ledger.propose("a", started)[0]]
    with scratch_database(backend) as url:
        restore(url, export(database_url))
        with Ledger.open(Settings(database_url=url)) as ledger:
            again = [ledger.propose("a", held, Asked(key="hold"))[0], ledger.propose("a", started)[0]]
            assert [each.event for each in again] == [each.event for each in first]
            assert all(each.replayed for each in again)
            assert ledger.create_run({"run_id": "a", "phases": [{}]}, Asked(key="create"))[0].replayed
            (next_one,) = ledger.propose("a", {"type": "run.unheld"})
            assert (next_one.event.position, next_one.event.prev_hash) == (5, first[-1].event.hash)
            assert list(chain.breaks(ledger.log(after=0, limit=100))) == []


def test_an_empty_log_is_restored_to_an_empty_log(
    database_url: str, new_database_url: str, export: Export, restore: Restore
) -> None:
    """An export of nothing has an end, and no more; the database that it is restored into takes events."""
    log = export(database_url)
    assert [json.loads(line).keys() for line in log.splitlines()] == [{"end"}]
    assert restore(new_database_url, log).events == 0
    with Ledger.open(Settings(database_url=new_database_url)) as ledger:
        ledger.create_run({"run_id": "a"})


def rewritten(log: bytes) -> dict[str, bytes]:
    """The same log, as other tools write JSON."""
    values = [json.loads(line) for line in log.splitlines()]
    texts = {
        "ascii": [json.dumps(value) for value in values],
        "sorted": [json.dumps(value, sort_keys=True, ensure_ascii=False) for value in values],
        "reversed": [json.dumps(dict(reversed(value.items()))) for value in values],
        "dos": [json.dumps(value) + "\r" for value in values],
        "blank lines": [json.dumps(value) + "\n" for value in values],
    }
    made = {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in texts.items()}
    if jq := shutil.which("jq"):
        made["jq"] = subprocess.run([jq, "-c", "."], input=log, capture_output=True, check=True).stdout
        made["jq -S"] = subprocess.run([jq, "-cS", "."], input=log, capture_output=True, check=True).stdout
    return made


def test_a_log_survives_tools_that_rewrite_json(
    scratch_database: Scratch, live: Live, export: Export, restore: Restore
) -> None:
    """Whatever a tool makes of spaces, escapes and the order of fields, what was hashed is restored."""
    with scratch_database("sqlite") as url:
        with Ledger.open(Settings(database_url=url)) as ledger:
            live(ledger, 1, 60)
        log = export(url)
    for name, other in rewritten(log).items():
        with scratch_database("sqlite") as url:
            restore(url, other)
            assert export(url) == log, name


def test_a_line_is_a_row(database_url: str, export: Export, restore: Restore, raw: Any) -> None:
    """The fields of a line are the columns of the table events, each as it is stored."""
    restore(database_url, GOLDEN)
    lines = [json.loads(line) for line in export(database_url).splitlines()]
    events = [line for line in lines if "hash" in line]
    cursor = raw.execute("SELECT * FROM events ORDER BY position")
    names = [column[0] for column in cursor.description]
    assert [list(event) for event in events] == [names] * len(events)
    assert [list(event.values()) for event in events] == [list(row) for row in cursor.fetchall()]
    assert all(type(event["implied"]) is type(event["actor_verified"]) is bool for event in events)


def test_a_run_is_exported_alone(database_url: str, export: Export, restore: Restore) -> None:
    """One run's events are those of the whole export, with their positions; no keys; and the end says so."""
    restore(database_url, GOLDEN)
    whole = [json.loads(line) for line in export(database_url).splitlines()]
    alone = [json.loads(line) for line in export(database_url, run_id="taken-over").splitlines()]
    events = [line for line in whole if line.get("run_id") == "taken-over"]
    assert alone[:-1] == events
    end = {"format": "runnotary.log.1", "run_id": "taken-over", "events": len(events), "keys": 0}
    assert alone[-1] == {"end": end}


def test_keys_that_led_to_no_event_stay_where_they_are(
    backend: str, scratch_database: Scratch, export: Export, restore: Restore
) -> None:
    """Proposed and rejected repairs are beside the log; an approval is in it, and its key comes along."""
    with scratch_database(backend) as first, scratch_database(backend) as second:
        with Ledger.open(Settings(database_url=first)) as ledger:
            ledger.create_run({"run_id": "a"})
            wanted = {"run_id": "a", "state": "GATE", "reason": "seen by hand"}
            ids = [ledger.repairs.propose(wanted, Asked(key=f"p{n}")).repair["repair_id"] for n in range(2)]
            ledger.repairs.reject(ids[0], {"reason": "twice"}, Asked(key="r"))
            ledger.repairs.approve(ids[1], {}, Asked(key="a"))
        told = restore(second, export(first))
        assert (told.events, told.keys) == (2, 1)
        with Ledger.open(Settings(database_url=second)) as ledger:
            assert ledger.run("a")["state"] == "GATE"
            assert ledger.repairs.page(status=None, run_id=None, finding=None, before=None, limit=9) == []
            again = ledger.repairs.propose(wanted | {"state": "CI_RUNNING"}, Asked(key="p0"))
            assert not again.replayed
