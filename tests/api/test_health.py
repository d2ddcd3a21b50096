"""Whether the service lives, and whether it can work: two questions with two answers."""

import shutil
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.api.client import Client, refused
from tests.api.conftest import Serve
from tests.databases import SERVER, Connect


def test_a_service_that_can_work_says_so(client: Client) -> None:
    """With its database at hand the service lives and is ready."""
    assert client.read("/livez") == {"status": "alive"}
    assert client.read("/readyz") == {"status": "ready"}


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_may_be_asked_for_by_head(sqlite_client: Client, path: str) -> None:
    """A prober that sends HEAD, as many do, is told the same."""
    assert sqlite_client.head(path).status_code == 200


def test_a_database_of_another_program_is_not_ready(serve: Serve, backend: str, connect: Connect) -> None:
    """When the database is not one that this program works with, the service lives and is not ready."""
    with serve(backend) as client:
        with closing(connect(client.database_url)) as raw:
            raw.execute("UPDATE alembic_version SET version_num = '9999'")
        answer = client.get("/readyz")
        refused(answer, 503, "database-unfit")
        assert int(answer.headers["retry-after"]) >= 1
        assert client.read("/livez") == {"status": "alive"}


def test_a_service_recovers_with_its_database(serve: Serve) -> None:
    """While PostgreSQL takes no connection everything is 503, and when it does again the service goes on."""
    with serve("postgresql") as client:
        run_id = client.create()
        name = make_url(client.database_url).database
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
        for answer in (
            client.get("/readyz"),
            client.get(f"/v1/runs/{run_id}"),
            client.get("/v1/events"),
            client.propose(run_id, "run.held"),
            client.post("/v1/runs", json={"run_id": "other"}),
        ):
            refused(answer, 503, "database-down")
            assert int(answer.headers["retry-after"]) >= 1
        assert client.read("/livez") == {"status": "alive"}
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        assert client.read("/readyz") == {"status": "ready"}
        client.record(run_id, "run.held")
        assert client.read(f"/v1/runs/{run_id}")["version"] == 2
        refused(client.get("/v1/runs/other"), 404, "run-not-found")


def test_a_service_without_its_file_is_not_ready(serve: Serve, tmp_path: Path) -> None:
    """A database that cannot be opened any more makes the service answer 503, and nothing else."""
    with serve("sqlite") as client:
        run_id = client.create()
        file = Path(client.database_url.removeprefix("sqlite:///"))
        client.ledger.engine.dispose()
        for path in file.parent.glob(f"{file.name}*"):
            shutil.move(path, tmp_path / path.name)
        file.mkdir()
        try:
            refused(client.get("/readyz"), 503, "database-down")
            refused(client.get(f"/v1/runs/{run_id}"), 503, "database-down")
            assert client.read("/livez") == {"status": "alive"}
        finally:
            file.rmdir()
