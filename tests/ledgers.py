"""Ledgers on this test's database: fixtures."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.ledger import Ledger
from api.settings import Settings

OpenLedger = Callable[..., Ledger]


@pytest.fixture
def open_ledger(database_url: str) -> Iterator[OpenLedger]:
    """Opens this test's database once more, with other settings if they are named."""
    opened: list[Ledger] = []

    def opens(**settings: Any) -> Ledger:
        opened.append(Ledger.open(Settings(database_url=database_url, **settings)))
        return opened[-1]

    yield opens
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    """The ledger of this test's database."""
    return open_ledger()
