"""What is answered while the service cannot do what it is asked, and that it passes."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing

import pytest

from eventstore import database
from tests.api.client import refused, unused
from tests.api.conftest import Serve
from tests.databases import Connect


def test_a_full_queue_takes_no_more(serve: Serve, connect: Connect) -> None:
    """While nothing can be committed and the queue is full, more is refused; what waits is recorded."""
    with serve("sqlite", queue_max=1) as client, closing(connect(client.database_url)) as foreign:
        run_id = client.create()
        foreign.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(3) as pool:
            kinds = ("run.held", "run.preserved", "run.archived")
            sent = [pool.submit(client.propose, run_id, kind) for kind in kinds]
            # One is being committed and one waits at most: whichever is third cannot wait any more.
            wait(sent, return_when=FIRST_COMPLETED)
            foreign.execute("ROLLBACK")
            answers = [each.result() for each in sent]
        overloaded = [answer for answer in answers if answer.status_code == 503]
        assert len(overloaded) in (1, 2)
        for answer in overloaded:
            assert refused(answer, 503, "overloaded")["waiting"] == 1
            assert int(answer.headers["retry-after"]) >= 1
        assert [answer.status_code for answer in answers if answer not in overloaded] == [201] * (
            3 - len(overloaded)
        )
        assert client.read(f"/v1/runs/{run_id}")["version"] == 4 - len(overloaded)


def test_a_database_that_another_program_holds_is_waited_for(
    serve: Serve, backend: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign writer makes proposals wait, then 503 and recorded nowhere; reading goes on; it passes."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    with serve(backend) as client, closing(connect(client.database_url)) as foreign:
        run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
        foreign.execute("BEGIN IMMEDIATE" if backend == "sqlite" else "BEGIN")
        if backend == "postgresql":
            foreign.execute("SELECT pg_advisory_xact_lock(%s)", [database.WRITER_LOCK])
        answer = client.propose(run_id, "run.held", headers=headers)
        refused(answer, 503, "database-busy")
        assert int(answer.headers["retry-after"]) >= 1
        assert client.read(f"/v1/runs/{run_id}")["version"] == 1
        assert client.read("/readyz") == {"status": "ready"}
        foreign.execute("ROLLBACK")
        again = client.propose(run_id, "run.held", headers=headers)
        assert (again.status_code, again.headers.get("idempotent-replayed")) == (201, None)
        assert client.read(f"/v1/runs/{run_id}")["version"] == 2
