"""An SQLite file, opened by many at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from eventstore.database import open_engine

OPENERS = 8


@pytest.mark.parametrize("attempt", range(20))
def test_whoever_opens_a_new_file_at_the_same_moment_is_let_in(tmp_path: Path, attempt: int) -> None:
    """SQLite tells all but one that the file is locked, at once: the others ask again."""
    together = Barrier(OPENERS)

    def opened() -> object:
        engine = open_engine(f"sqlite:///{tmp_path / f'{attempt}.db'}")
        together.wait()
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        engine.dispose()
        return mode

    with ThreadPoolExecutor(OPENERS) as pool:
        modes = [future.result() for future in [pool.submit(opened) for _ in range(OPENERS)]]
    assert modes == ["wal"] * OPENERS
