"""Services in this process. Starting one takes its time: most tests share one, with runs of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.api.client import Client
from tests.databases import Scratch

Serve = Callable[..., AbstractContextManager[Client]]


@pytest.fixture(scope="session")
def serve(scratch_database: Scratch) -> Serve:
    """A service on a database of its own, of this backend and with these settings."""

    @contextmanager
    def serving(backend: str, **settings: Any) -> Iterator[Client]:
        with scratch_database(backend) as url, Client(url, **settings) as client:
            yield client

    return serving


@pytest.fixture(scope="session")
def client(backend: str, serve: Serve) -> Iterator[Client]:
    """A service on either database, which other tests use too."""
    with serve(backend) as shared:
        yield shared


@pytest.fixture(scope="session")
def sqlite_client(serve: Serve) -> Iterator[Client]:
    """A service for what has nothing to do with the database, which other tests use too."""
    with serve("sqlite") as shared:
        yield shared


@pytest.fixture
def own_client(serve: Serve) -> Iterator[Client]:
    """A service that no other test uses."""
    with serve("sqlite") as own:
        yield own
