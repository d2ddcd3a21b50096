"""Real services for the client, and a proxy between them that can be told to fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from runnotary_client import Client, Patience

from client.tests.proxy import Proxy, proxied
from tests.end_to_end.service import SECONDS, Server, serving

IMPATIENT = Patience(answer_seconds=SECONDS, tries=4, seconds=SECONDS)


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    """Tries follow each other at once."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A database of the test's own."""
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def server(database_url: str) -> Iterator[Server]:
    """A process of the service."""
    with serving(database_url) as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A way to the service that can be cut."""
    with proxied(server.host, server.port) as between:
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
