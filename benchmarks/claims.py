"""Claims among 100,000 runs that wait, beside the start of a phase that the executor knows."""

from sqlalchemy import Engine

from api.ledger import Ledger
from api.settings import Settings
from benchmarks.databases import postgresql_database, sqlite
from benchmarks.histories import STORY, fill
from benchmarks.sides import compare, rate
from eventstore.database import open_engine

RUNS = 100_000
STARTS = 100
WAITING = STORY[:6]
"""A run with four phases that may start."""

START = {"executor": "builder-7", "lease_seconds": 60}
RARE = {"only": "here"}


def measure(postgres: str, rounds: int) -> None:
    """Measure on both databases."""
    with sqlite() as (url, _):
        measure_one("SQLite", url, rounds)
    with postgresql_database(postgres) as url:
        measure_one("PostgreSQL", url, rounds)


def filled(engine: Engine) -> None:
    """Runs that wait, all of them alike."""
    fill(engine, RUNS * len(WAITING), WAITING)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def measure_one(name: str, url: str, rounds: int) -> None:
    """Claim the oldest phase, and the oldest of the few youngest runs with a label."""
    filled(open_engine(url))
    with Ledger.open(Settings(database_url=url)) as ledger:
        labelled = (rounds + 1) * STARTS // 4
        for number in range(labelled):
            phases: list[dict[str, str]] = [{} for _ in range(4)]
            ledger.create_run({"run_id": f"rare-{number}", "labels": RARE, "phases": phases})
            ledger.propose(f"rare-{number}", {"type": "run.execution_started"})
        youngest = RUNS

        def start(_: int) -> None:
            nonlocal youngest
            youngest -= 1
            ledger.propose(
                f"run-{youngest:07}", {"type": "phase.started", "phase_id": "fetch", "data": START}
            )

        def claim(_: int) -> None:
            assert ledger.leases.claim(START)

        def claim_rare(_: int) -> None:
            assert ledger.leases.claim({**START, "labels": RARE})

        for what, claimed in (("claim", claim), ("claim by a rare label", claim_rare)):
            compare(
                f"{name}: {what} / phase.started",
                lambda: rate(STARTS, start),
                lambda each=claimed: rate(STARTS, each),  # type: ignore[misc]  # bound now, not later
                rounds,
            )
