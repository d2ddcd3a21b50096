"""With a spool no report is lost: what cannot be delivered is kept, and delivered in order when it can."""

from pathlib import Path

import httpx2
import pytest
from runnotary_client import (
    Client,
    IllegalMove,
    NotSupported,
    Spool,
    SpoolUnusable,
    Unavailable,
)

from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from client.tests.record import events_of, notes
from client.tests.spooled import keep, mend, waiting
from tests.end_to_end.service import Server


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


def test_a_run_that_ends_while_the_service_is_away_ends_later(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """All phases are done, and nobody can be told: the success of the run waits behind theirs."""
    with spooling.run(run_id, goal="g", phases=[{"phase_id": "a"}, {"phase_id": "b"}]) as run:
        with run.phase("a") as attempt:
            attempt.complete()
        with run.phase("b") as attempt:
            proxy.how = lambda seen: "cut before"
            attempt.complete()
    assert waiting(spool) == 2
    proxy.how = lambda seen: "pass"
    mend(spooling)
    assert spooling.deliver().delivered == 2
    assert server.call("GET", f"/v1/runs/{run_id}").body["state"] == "DONE_SUCCESS"


def test_a_run_whose_last_report_was_kept_ends_once_it_is_delivered(
    run_id: str, server: Server, proxy: Proxy, spooling: Client, spool: Path
) -> None:
    """The service is back before the run is left: what waits is delivered first, and the run is done."""
    with spooling.run(run_id, goal="g") as run:
        with run.phase("a") as attempt:
            proxy.how = lambda seen: "cut before"
            attempt.complete()
        proxy.how = lambda seen: "pass"
        mend(spooling)
    assert waiting(spool) == 0
    assert server.call("GET", f"/v1/runs/{run_id}").body["state"] == "DONE_SUCCESS"


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


def test_somebody_on_the_way_loses_nothing(run_id: str, server: Server, proxy: Proxy, spool: Path) -> None:
    """A gateway shows a web page while the service is replaced: reports are kept, and delivered later."""
    server.create(run_id)
    page = httpx2.MockTransport(lambda request: httpx2.Response(404, html="<h1>Maintenance</h1>"))
    with Client(proxy.url, patience=IMPATIENT) as known, Client(transport=page, spool=spool) as hidden:
        known.propose(run_id, "run.annotated", data={"text": "1"})
        hidden._link.discovery = known._link.discovery
        hidden._link.discovery.is_fresh = False
        assert hidden.propose(run_id, "run.annotated", data={"text": "2"}).spooled
        assert hidden.propose(run_id, "run.annotated", data={"text": "3"}).spooled
    with Client(proxy.url, spool=spool, patience=IMPATIENT):
        assert (notes(server, run_id), waiting(spool)) == (["1", "2", "3"], 0)


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
