"""Single appends through the Ledger, beside a raw INSERT + COMMIT by the driver alone."""

from collections.abc import Callable
from typing import Any

from api.commands import Asked
from api.ledger import Ledger
from api.settings import Settings
from benchmarks.databases import postgresql, sqlite
from benchmarks.sides import compare, rate

APPENDS = 200


def measure(postgres: str, rounds: int) -> None:
    """Measure on both databases."""
    with sqlite() as (url, raw):
        measure_one("SQLite", url, raw, rounds)
    with postgresql(postgres) as (url, raw):
        measure_one("PostgreSQL", url, raw, rounds)


def measure_one(name: str, url: str, raw: Callable[[int], None], rounds: int) -> None:
    """Measure one proposal a commit: an executor that starts a phase and gives it back, over and over."""
    with Ledger.open(Settings(database_url=url)) as ledger:
        phase = {"phase_id": "p", "max_attempts": 10**9}
        ledger.create_run({"run_id": "b", "phases": [phase]})
        ledger.propose("b", {"type": "run.execution_started"})
        done = 0

        def append(_: int, *, with_key: bool = False) -> None:
            nonlocal done
            done += 1
            attempt = (done + 1) // 2
            body: dict[str, Any] = {
                "type": "phase.started",
                "phase_id": "p",
                "data": {"executor": "builder-7"},
            }
            if done % 2 == 0:
                body = {"type": "phase.released", "phase_id": "p", "attempt": attempt}
            ledger.propose("b", body, Asked(key=f"k{done}") if with_key else Asked())

        def floor() -> float:
            return rate(APPENDS, raw)

        compare(f"{name}: append / raw INSERT+COMMIT", floor, lambda: rate(APPENDS, append), rounds)
        compare(
            f"{name}: append with a key / raw INSERT+COMMIT",
            floor,
            lambda: rate(APPENDS, lambda n: append(n, with_key=True)),
            rounds,
        )
