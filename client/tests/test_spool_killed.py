"""Killed, stopped, cut, interrupted, shared: what a spool keeps is recorded, once and in order."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from secrets import token_hex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runnotary_client import (
    Client,
    Patience,
    Unreachable,
)

from client.tests.conftest import IMPATIENT
from client.tests.proxy import How, Proxy
from client.tests.record import events_of, notes
from client.tests.spooled import keep, mend, waiting
from tests.end_to_end.service import SECONDS, Server, assert_sound, at_once, serving

DELIVERER = """
import sys
from runnotary_client import Client, Patience
client = Client(sys.argv[1], spool=sys.argv[2], patience=Patience(tries=1))
client.deliver()
"""


def test_a_killed_service_loses_nothing(
    run_id: str, database_url: str, own_server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """The service dies at work: reports go on, and are in the record in order once it is back, once each."""
    with spooling.run(run_id, goal="g") as run, run.phase("build") as attempt:
        attempt.annotate("before")
        own_server.kill()
        assert attempt.annotate("during").spooled
        assert attempt.submit({"files_changed": []}).spooled
        assert attempt.complete().spooled
        assert waiting(spool) == 3
        with serving(database_url) as again:
            proxy.upstream = (again.host, again.port)
            mend(spooling)
            assert not run.annotate("after").spooled
            assert waiting(spool) == 0
            events = again.call("GET", events_of(run_id)).body["items"]
            again.stop()
    assert [(event["type"], event["attempt"]) for event in events[3:]] == [
        ("phase.started", 1),
        ("phase.annotated", 1),
        ("phase.annotated", 1),
        ("phase.submitted", 1),
        ("phase.completed", 1),
        ("run.annotated", None),
    ]
    told = [event["occurred_at"] for event in events[5:8]]
    assert told == sorted(told)
    assert all(event["occurred_at"] < event["recorded_at"] for event in events[5:8])
    assert_sound(database_url)


@pytest.mark.parametrize("how", ["hold", "hold answer"])
def test_a_process_killed_while_it_delivers_loses_nothing(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path, how: How
) -> None:
    """Killed before its request arrived, or after: the next one sends it again, and it is recorded once."""
    server.create(run_id)
    texts = [str(number) for number in range(6)]
    keep(spooling, proxy, texts, run_id)
    proxy.seen.clear()
    proxy.how = lambda seen: how if len(proxy.asked("POST", events_of(run_id))) == 3 else "pass"
    with subprocess.Popen([sys.executable, "-c", DELIVERER, proxy.url, str(spool)]) as process:
        assert proxy.held.wait(SECONDS)
        process.kill()
    proxy.let_go.set()
    assert waiting(spool) == 4
    proxy.how = lambda seen: "pass"
    assert spooling.deliver().delivered == 4
    assert (notes(server, run_id), waiting(spool)) == (texts, 0)


@pytest.mark.parametrize("how", ["cut before", "cut after"])
def test_a_delivery_that_is_cut_goes_on_where_it_was(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path, how: How
) -> None:
    """A connection that is lost in the middle of a delivery leaves the rest waiting, in order."""
    server.create(run_id)
    texts = [str(number) for number in range(6)]
    keep(spooling, proxy, texts, run_id)
    proxy.seen.clear()
    proxy.how = lambda seen: how if len(proxy.asked("POST", events_of(run_id))) == 3 else "pass"
    delivery = spooling.deliver()
    assert (delivery.delivered, type(delivery.stopped_by), waiting(spool)) == (2, Unreachable, 4)
    assert spooling.deliver().delivered == 4
    assert (notes(server, run_id), waiting(spool)) == (texts, 0)


@given(fates=st.lists(st.sampled_from(["pass", "cut before", "cut after"]), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_becomes_of_each_request_the_record_is_what_was_said(
    server: Server, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory, fates: list[How]
) -> None:
    """For any fates of requests: every report is recorded, once, in the order in which it was made."""
    run_id = server.create(f"fates-{token_hex(4)}")
    left = iter(fates)
    proxy.how = lambda seen: next(left, "pass") if seen.path == events_of(run_id) else "pass"
    texts = [str(number) for number in range(4)]
    spool = tmp_path_factory.mktemp("fates") / "unsent.db"
    with closing(Client(proxy.url, spool=spool, patience=Patience(tries=2))) as client:
        for text in texts:
            client.propose(run_id, "run.annotated", data={"text": text})
            mend(client)
        proxy.how = lambda seen: "pass"
        assert client.deliver().stopped_by is None
    assert (notes(server, run_id), waiting(spool)) == (texts, 0)


def test_a_stopped_service_records_once_what_it_is_sent_over_and_over(
    run_id: str, own_server: Server, proxy: Proxy, spool: Path
) -> None:
    """A service that hangs takes requests that it answers too late: they are kept, and recorded once."""
    own_server.create(run_id)
    texts = [str(number) for number in range(3)]
    with Client(proxy.url, spool=spool, patience=Patience(answer_seconds=0.5, tries=2)) as client:
        client.propose(run_id, "run.annotated", data={"text": "before"})
        own_server.process.send_signal(signal.SIGSTOP)
        try:
            for text in texts:
                assert client.propose(run_id, "run.annotated", data={"text": text}).spooled
        finally:
            own_server.process.send_signal(signal.SIGCONT)
    with Client(proxy.url, spool=spool, patience=IMPATIENT) as client:
        client.propose(run_id, "run.annotated", data={"text": "after"})
    assert (notes(own_server, run_id), waiting(spool)) == (["before", *texts, "after"], 0)


def test_several_processes_share_a_spool(
    run_id: str, database_url: str, own_server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """Many that keep, and many that deliver at once: everything is recorded once, in order for each run."""
    runs = [own_server.create(f"run-{number}") for number in range(4)]
    proxy.how = lambda seen: "cut before"

    def report(run_id: str) -> Callable[[], None]:
        def reporting() -> None:
            with closing(Client(proxy.url, spool=spool, patience=IMPATIENT)) as client:
                for number in range(10):
                    assert client.propose(run_id, "run.annotated", data={"text": str(number)}).spooled

        return reporting

    at_once([report(run_id) for run_id in runs])
    assert waiting(spool) == 40
    proxy.how = lambda seen: "pass"
    processes = [
        subprocess.Popen([sys.executable, "-c", DELIVERER, proxy.url, str(spool)], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [process.wait(SECONDS) for process in processes] == [0, 0, 0]
    assert waiting(spool) == 0
    assert {tuple(notes(own_server, run_id)) for run_id in runs} == {tuple(map(str, range(10)))}
    own_server.stop()
    assert_sound(database_url)


def test_ctrl_c_while_it_is_on_its_way_keeps_it(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that is interrupted is kept, for nobody knows whether it arrived."""
    server.create(run_id)
    spooling.propose(run_id, "run.annotated", data={"text": "before"})
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(spooling._driver, "_send", interrupted)
        spooling.propose(run_id, "run.annotated", data={"text": "on its way"})
    assert waiting(spool) == 1
    assert spooling.deliver().delivered == 1
    assert notes(server, run_id) == ["before", "on its way"]


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
