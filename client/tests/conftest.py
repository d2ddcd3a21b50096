"""Real services for the client, and a proxy between them that can be told to fail."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import stamina
from runnotary_client import Client, Patience

from client.tests.proxy import Proxy, proxied
from tests.end_to_end.service import SECONDS, Server, serving

NUMBERS = count(1)
IMPATIENT = Patience(answer_seconds=SECONDS, tries=4, seconds=SECONDS)


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    """Tries follow each other at once."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A process of the service that all tests share, each with runs of its own."""
    with serving(f"sqlite:///{tmp_path_factory.mktemp('shared')}/runs.db") as running:
        yield running


@pytest.fixture
def run_id() -> str:
    """The id of a run that no other test has."""
    return f"run-{next(NUMBERS)}"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A database of the test's own."""
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def own_server(database_url: str) -> Iterator[Server]:
    """A process of the service that the test may end."""
    with serving(database_url) as running:
        yield running


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """A way to the service that can be cut: to the test's own, where it has one."""
    name = "own_server" if "own_server" in request.fixturenames else "server"
    behind: Server = request.getfixturevalue(name)
    with proxied(behind.host, behind.port) as between:
        yield between


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where a spool can be."""
    return tmp_path / "unsent.db"


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    """A client without a spool."""
    with Client(proxy.url, actor="builder-1", patience=IMPATIENT) as made:
        yield made


@pytest.fixture
def spooling(proxy: Proxy, spool: Path) -> Iterator[Client]:
    """A client with a spool."""
    with Client(proxy.url, actor="builder-1", spool=spool, patience=IMPATIENT) as made:
        yield made
