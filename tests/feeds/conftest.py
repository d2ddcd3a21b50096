"""Services that are processes of their own, for streams have no end."""

from collections.abc import Iterator

import pytest

from tests.databases import Scratch
from tests.end_to_end.service import Server, serving


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What runs the tests that are coroutines."""
    return "asyncio"


QUICK = {"stream_heartbeat_seconds": "0.2", "poll_seconds": "0.1", "streams_max": "4"}


@pytest.fixture(scope="module")
def server(backend: str, scratch_database: Scratch) -> Iterator[Server]:
    """A service on either database that gives signs of life often; a module's tests share it."""
    with scratch_database(backend) as url, serving(url, **QUICK) as started:
        started.create("first", phases=[{"phase_id": "p1"}])
        yield started
