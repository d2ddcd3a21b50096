"""With a spool no report is lost: what cannot be delivered is kept, and delivered in order when it can."""

import json
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
    IllegalMove,
    NotSupported,
    Patience,
    Spool,
    SpoolUnusable,
    Unavailable,
    Unreachable,
)
from runnotary_client.command import main

from client.tests.conftest import IMPATIENT
from client.tests.proxy import How, Proxy
from client.tests.record import events_of, notes
from tests.end_to_end.service import SECONDS, Server, assert_sound, at_once, serving

DELIVERER = """
import sys
from runnotary_client import Client, Patience
client = Client(sys.argv[1], spool=sys.argv[2], patience=Patience(tries=1))
client.deliver()
"""


def waiting(spool: Path) -> int:
    return len(Spool(spool).entries("waiting"))


def keep(client: Client, proxy: Proxy, texts: list[str], run_id: str) -> None:
    """Report while the service cannot be reached, and let it be reached again."""
    proxy.how = lambda seen: "cut before"
    for text in texts:
        assert client.propose(run_id, "run.annotated", data={"text": text}).spooled
    proxy.how = lambda seen: "pass"
    mend(client)


def mend(client: Client) -> None:
    """As time does: the circuit is closed again."""
    client._link.circuit._breaker.close()


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


def test_a_lost_answer_is_kept_and_recorded_once(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """The request arrived, its answer never did: it is delivered again under its key, and recorded once."""
    server.create(run_id)
    proxy.how = lambda seen: "cut after" if seen.path == events_of(run_id) else "pass"
    assert spooling.propose(run_id, "run.annotated", data={"text": "once"}).spooled
    assert notes(server, run_id) == ["once"]
    proxy.how = lambda seen: "pass"
    mend(spooling)
    assert spooling.deliver().delivered == 1
    assert (notes(server, run_id), waiting(spool)) == (["once"], 0)


def test_later_reports_wait_behind_earlier_ones(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """While one waits, later ones go behind it, in order, whoever of them could be delivered."""
    server.create(run_id)
    keep(spooling, proxy, ["1", "2"], run_id)
    proxy.once("cut before", events_of(run_id))
    assert spooling.propose(run_id, "run.annotated", data={"text": "3"}).spooled
    mend(spooling)
    assert not spooling.propose(run_id, "run.annotated", data={"text": "4"}).spooled
    assert (notes(server, run_id), waiting(spool)) == (["1", "2", "3", "4"], 0)


def test_a_new_process_delivers_first(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """What one process could not deliver, the next one does on entering its client; so does leaving one."""
    server.create(run_id)
    keep(spooling, proxy, ["1"], run_id)
    with Client(proxy.url, spool=spool):
        assert notes(server, run_id) == ["1"]
        keep(spooling, proxy, ["2"], run_id)
    assert (notes(server, run_id), waiting(spool)) == (["1", "2"], 0)


def test_what_is_refused_later_is_kept_and_passed_by(
    run_id: str,
    server: Server,
    proxy: Proxy,
    spooling: Client,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A report that came too late is refused, stays to be seen with its reason, and holds up nothing."""
    with spooling.run(run_id, goal="g") as run, run.phase("build") as attempt:
        proxy.how = lambda seen: "cut before"
        assert attempt.complete().spooled
        assert run.annotate("behind it").spooled
        server.record(run_id, "phase.released", phase_id="build", attempt=1)
        server.record(run_id, "phase.started", phase_id="build")
    proxy.how = lambda seen: "pass"
    mend(spooling)
    delivery = spooling.deliver()
    assert (delivery.delivered, delivery.refused, delivery.stopped_by) == (1, 1, None)
    assert notes(server, run_id) == ["behind it"]
    assert server.call("GET", f"/v1/runs/{run_id}/refusals").body["items"][0]["code"] == "stale-attempt"

    assert main(["spool", "list", "--spool", str(spool)]) == 1
    assert f"{run_id} build (1)  phase.completed  refused: stale-attempt" in capsys.readouterr().out
    (kept,) = Spool(spool).entries("refused")
    assert main(["spool", "show", str(kept.number), "--spool", str(spool)]) == 0
    assert json.loads(capsys.readouterr().out)["problem"]["remedy"].startswith("Stop working on it")
    assert main(["spool", "drop", str(kept.number), "--spool", str(spool)]) == 0
    assert main(["spool", "drop", str(kept.number), "--spool", str(spool)]) == 1
    capsys.readouterr()
    assert main(["spool", "list", "--spool", str(spool)]) == 0
    assert capsys.readouterr().out == "Nothing waits, and nothing was refused.\n"


def test_what_was_refused_can_be_asked_again(
    run_id: str,
    server: Server,
    proxy: Proxy,
    spooling: Client,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once what stood in the way is gone, the same report is judged anew."""
    server.create(run_id)
    proxy.how = lambda seen: "cut before"
    assert spooling.propose(run_id, "run.gate_entered").spooled
    proxy.how = lambda seen: "pass"
    mend(spooling)
    deliver = ["spool", "deliver", "--server", proxy.url, "--spool", str(spool)]
    capsys.readouterr()
    assert main(deliver) == 1
    assert capsys.readouterr().out == "0 delivered, 1 refused.\n"
    server.record(run_id, "run.execution_started")
    assert main(deliver) == 0
    assert capsys.readouterr().out == "0 delivered, 0 refused.\n"
    assert main([*deliver, "--refused"]) == 0
    assert capsys.readouterr().out == "1 delivered, 0 refused.\n"
    assert server.call("GET", f"/v1/runs/{run_id}").body["state"] == "GATE"


def test_delivering_to_nobody_says_that_the_rest_waits(
    run_id: str,
    own_server: Server,
    proxy: Proxy,
    spooling: Client,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where the service is still away, everything stays, and the command says so."""
    own_server.create(run_id)
    keep(spooling, proxy, ["1"], run_id)
    own_server.kill()
    capsys.readouterr()
    assert main(["spool", "deliver", "--server", proxy.url, "--spool", str(spool)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.startswith("The rest waits: ")) == ("0 delivered, 0 refused.\n", True)
    assert waiting(spool) == 1


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


def test_opening_needs_the_service(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """Nobody starts on a phase that another may have: neither a run nor an attempt is opened blindly."""
    with spooling.run(run_id, goal="g", phases=[{"phase_id": "build"}]) as run:
        proxy.how = lambda seen: "cut before"
        with pytest.raises(Unavailable), run.phase("build"):
            raise AssertionError
        with pytest.raises(Unavailable), spooling.run(f"{run_id}-2", goal="g"):
            raise AssertionError
        assert waiting(spool) == 0
        proxy.how = lambda seen: "pass"
        mend(spooling)


def test_an_attempt_is_opened_after_what_waits(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """What waits is delivered before a phase starts, since whether it may start can hang on it."""
    with spooling.run(run_id, goal="g") as run:
        with run.phase("build") as attempt:
            proxy.how = lambda seen: "cut before"
            attempt.fail("RED")
        assert waiting(spool) == 1
        with pytest.raises(Unavailable), run.phase("build", again=True):
            raise AssertionError
        proxy.how = lambda seen: "pass"
        mend(spooling)
        with run.phase("build", again=True) as attempt:
            assert attempt.number == 2
            attempt.complete()
    assert server.call("GET", f"/v1/runs/{run_id}").body["state"] == "DONE_SUCCESS"


def test_a_refusal_is_raised_and_not_kept(run_id: str, server: Server, spooling: Client, spool: Path) -> None:
    """The service said no: that is for the caller to hear, and nothing to deliver."""
    server.create(run_id)
    with pytest.raises(IllegalMove):
        spooling.propose(run_id, "run.succeeded")
    with pytest.raises(NotSupported):
        spooling.propose(run_id, "run.finished")
    assert Spool(spool).entries() == []


@pytest.mark.parametrize("content", [b"not a database at all, but text", b""])
def test_a_file_that_is_no_spool_is_told_at_once(tmp_path: Path, content: bytes) -> None:
    """A spool that cannot be used is found when the client is made, not when it is needed."""
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    if not content:
        assert Spool(path).entries() == []
        return
    with pytest.raises(SpoolUnusable, match=r"spool\.db cannot be used"):
        Client(spool=path)
    with pytest.raises(SpoolUnusable):
        Client(spool=tmp_path / "nowhere" / "spool.db")


def test_a_spool_that_is_not_there_is_no_empty_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip of the pen in the file's name makes no file, and is not answered with "nothing waits"."""
    missing = tmp_path / "mistyped.db"
    assert main(["spool", "list", "--spool", str(missing)]) == 2
    assert "There is no spool" in capsys.readouterr().err
    assert not missing.exists()
