"""Exports, restored databases, and histories to try them with: fixtures."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

import projections
from api.commands import Asked
from api.exports import FORMATS, Name
from api.ledger import Ledger
from api.prepare import prepare
from api.restore import Restored
from api.restore import restore as restored_from
from api.settings import Settings
from domain.decide import OF_OPEN_ATTEMPT
from domain.envelopes import Origin
from domain.events import EVENTS
from eventstore.database import open_engine
from eventstore.schema import commands, events
from tests.runs import Record

GOLDEN = (Path(__file__).parent / "golden/0.1.0.ndjson").read_bytes()
"""A log with every type of event."""

ODD_TEXTS = [
    "größer",
    "\U0001f9ea",
    "\u2028\u2029",
    "\x01\x1f\x7f",
    "<&>\"'\\/",
    "a\n\tb\r",
    "null",
    " ",
    "\ufffe\uffff",
]
ODD_NUMBERS = [1.0, -0.0, 0.1, 1e-7, 1e16, 9007199254740991, 123456789.125]

Export = Callable[..., bytes]
Restore = Callable[[str, bytes], Restored]


def exported(url: str, form: Name = "ndjson", run_id: str | None = None) -> bytes:
    """An export of this database."""
    with Ledger.open(Settings(database_url=url)) as ledger:
        return b"".join(FORMATS[form].pieces(ledger.snapshot(run_id)))


def restored(url: str, log: bytes) -> Restored:
    """Restore an export, as the command does it."""
    engine = open_engine(url)
    try:
        prepare(engine)
        with engine.begin() as connection:
            return restored_from(connection, log.splitlines(keepends=True))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def export() -> Export:
    return exported


@pytest.fixture(scope="session")
def restore() -> Restore:
    return restored


Contents = Callable[[str], dict[str, list[tuple[Any, ...]]]]


@pytest.fixture(scope="session")
def contents() -> Contents:
    """All rows of the log, of the keys and of every table made from the log."""

    def held(url: str) -> dict[str, list[tuple[Any, ...]]]:
        engine = open_engine(url)
        tables = (events, commands, *(each.TABLE for each in projections.ALL))
        with engine.connect() as connection:
            found = {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in tables
            }
            # As the database itself keeps them, past everything that SQLAlchemy makes of a value.
            found["raw"] = [tuple(row) for row in connection.execute(text(AS_TEXT))]
        engine.dispose()
        return found

    return held


AS_TEXT = "SELECT body, hash FROM events ORDER BY position"

Live = Callable[[Ledger, int, int], None]


@pytest.fixture(scope="session")
def live(record: Record) -> Live:
    """Has a few runs live through so many steps, as chance has it; some of them taken over or quarantined."""

    def lived(ledger: Ledger, seed: int, steps: int) -> None:
        chance = random.Random(seed)
        runs = [f"run-{number}" for number in range(1, 4)]
        for run_id in runs:
            phases = [{"name": word(chance)}, {"phase_id": "p2"}]
            body = {"run_id": run_id, "goal": word(chance), "labels": {"a": word(chance)}, "phases": phases}
            ledger.create_run(body, by(chance))
        record(ledger, "taken-over", ("run.imported", "GATE", None, {"state": "GATE", "legacy": {"x": 1.0}}))
        record(ledger, "odd", ("run.quarantined", None, None, {"legacy": {"state": word(chance)}}))
        for _ in range(steps):
            run_id = chance.choice([*runs, "taken-over"])
            if (proposal := a_step(ledger, run_id, chance)) is not None:
                ledger.propose(run_id, proposal, by(chance))

    return lived


def a_step(ledger: Ledger, run_id: str, chance: random.Random) -> dict[str, Any] | None:
    """A proposal that is legal now."""
    moves = ledger.moves(run_id)
    legal = [
        {"type": move["type"], "phase_id": of.get("phase_id"), "attempt": of.get("attempt")}
        for of in (moves, *moves["phases"])
        for move in of["moves"]
        if move["blocked_by"] is None
    ]
    if any(each["type"] == "run.approval_granted" for each in legal):
        # An answer that names no request is to the one that waits.
        legal = [each for each in legal if each["type"] != "run.approval_requested"]
    if not legal:
        return None
    body = chance.choice(legal)
    if body["type"] not in OF_OPEN_ATTEMPT:
        del body["attempt"]
    data = dict(EVENTS[str(body["type"])].example)
    if "result" in EVENTS[str(body["type"])].model_fields:
        data["result"] = {word(chance): chance.choice(ODD_NUMBERS), "z": [word(chance)]}
    if "reason" not in data:
        data["reason"] = word(chance)
    return body | {"data": data}


def by(chance: random.Random) -> Asked:
    """Somebody; now and then with a key."""
    key = f"Key-{chance.getrandbits(64):x}" if chance.random() < 0.3 else None
    return Asked(origin=Origin(actor=chance.choice(["builder-1", "Zoë ☃"]), correlation_id="c"), key=key)


def word(chance: random.Random) -> str:
    return chance.choice(ODD_TEXTS)
