"""A log with every kind of event on each database, to be tampered with."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from api.ledger import Ledger
from api.settings import Settings
from eventstore.database import open_to_read
from tests.databases import Connect, Scratch
from tests.replay.logs import Log, fill, recorded
from tests.runs import PhaseInState, Record, RunInState


@pytest.fixture(scope="session")
def log(
    backend: str,
    scratch_database: Scratch,
    connect: Connect,
    record: Record,
    run_in_state: RunInState,
    phase_in_state: PhaseInState,
) -> Iterator[Log]:
    """A sound log on either database. Tests that change it put it right again."""
    with scratch_database(backend) as url:
        with Ledger.open(Settings(database_url=url)) as ledger:
            fill(ledger, record, run_in_state, phase_in_state)
            events = recorded(ledger)
        engine = open_to_read(url)
        with closing(connect(url)) as raw:
            raw.execute("PRAGMA synchronous=OFF" if backend == "sqlite" else "SET synchronous_commit=off")
            made = Log(raw, engine, events)
            with made.unguarded():  # whoever can change the log can change the seals beside it
                made.change("DELETE FROM seals")
            yield made
        engine.dispose()
