"""People look after what a spool keeps, and what was refused from it."""

import json
from pathlib import Path

import pytest
from runnotary_client import (
    Client,
    Spool,
)
from runnotary_client.command import main

from client.tests.proxy import Proxy
from client.tests.record import notes
from client.tests.spooled import keep, mend, waiting
from tests.end_to_end.service import Server


def test_what_is_refused_later_is_kept_and_passed_by(
    run_id: str,
    server: Server,
    proxy: Proxy,
    spooling: Client,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A report that came too late is refused, stays to be seen with its reason, and holds up nothing."""
    server.create(run_id, phases=[{"phase_id": "build"}])
    with spooling.run(run_id) as run, run.phase("build") as attempt:
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


@pytest.mark.parametrize("said", ["x", "0", "-1", "9" * 30, "9" * 5_000])
def test_a_number_that_is_none_says_so(spool: Path, capsys: pytest.CaptureFixture[str], said: str) -> None:
    """What no proposal can have is a slip of the pen, whatever its length."""
    Spool(spool)
    with pytest.raises(SystemExit, match="2"):
        main(["spool", "show", "--spool", str(spool), "--", said])
    assert "is no number that `list` shows" in capsys.readouterr().err


def test_a_spool_that_is_not_there_is_no_empty_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip of the pen in the file's name makes no file, and is not answered with "nothing waits"."""
    missing = tmp_path / "mistyped.db"
    assert main(["spool", "list", "--spool", str(missing)]) == 2
    assert "There is no spool" in capsys.readouterr().err
    assert not missing.exists()
