"""A rebuild dies wherever it is: the tables that serve are whole, writers go on, and the next one is done."""

import multiprocessing
import os
import select
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from tests.databases import Digest
from tests.replay.dying import rebuild_until
from tests.replay.rebuilding import a_history, assert_right, last, left_over, rebuilding, rows
from tests.runs import Record

SECONDS = 60
"""Longest that anything may take before the test gives up; nothing is expected to take so long."""

EVERY = {"begin": 13, "swap": 3}
"""How many moments apart it is killed in each stage: every time costs a process."""


@pytest.fixture
def dies(ledger: Ledger) -> Callable[[str, int], int | None]:
    """Rebuilds in a process of its own that dies at some moment; its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.replay.dying"])

    def died(stage: str, moment: int) -> int | None:
        dying = context.Process(target=rebuild_until, args=(ledger.settings.database_url, stage, moment))
        dying.start()
        dying.join(SECONDS)
        return dying.exitcode

    return died


Dies = Callable[[str, int], int | None]


@pytest.mark.parametrize("stage", EVERY)
def test_whenever_it_is_killed_the_tables_serve(
    ledger: Ledger, record: Record, raw: Any, dies: Dies, stage: str
) -> None:
    """Before the swap the old ones, after it the new ones; a service that runs meanwhile notices nothing."""
    a_history(ledger, record)
    right = rows(raw)["annotations"]
    served = []
    for moment in count(1, EVERY[stage]):
        raw.execute("UPDATE annotations SET text = 'WRONG' WHERE run_id = 'busy'")
        code = dies(stage, moment)
        is_right = rows(raw)["annotations"] == right
        seen = {note["text"] for note in ledger.run("busy")["annotations"]}
        assert seen == ({"a note", "another"} if is_right else {"WRONG"})
        (told,) = ledger.propose("plain", {"type": "run.labelled", "data": {"labels": {"at": str(moment)}}})
        assert ledger.run("plain")["version"] == told.run.version
        served.append(is_right)
        if code == 0:
            break
        assert code == -9
    assert served == sorted(served)
    assert served.count(False) > 3
    assert stage != "swap" or served.count(True) > 1
    assert_right(ledger.engine, raw)


def test_the_next_rebuild_takes_away_what_is_left(
    ledger: Ledger, record: Record, raw: Any, digest: Digest, dies: Dies
) -> None:
    """However often one was killed in the middle, one that is done leaves nothing of them."""
    a_history(ledger, record)
    before = digest(raw)
    for stage, moment in (("fold", 1), ("fold", 30), ("swap", 1), ("swap", 12)):
        assert dies(stage, moment) == -9
        assert left_over(raw) != []
    last(rebuilding(ledger))
    assert digest(raw) == before


@pytest.mark.parametrize("backend", ["sqlite"])
def test_workers_end_with_their_parent(backend: str, ledger: Ledger, record: Record, raw: Any) -> None:
    """A rebuild that is killed leaves no process behind."""
    a_history(ledger, record)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.replay.dying", ledger.settings.database_url],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Python tells of what was left
        text=True,
    ) as parent:
        assert parent.stdout is not None
        workers = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        try:
            assert len(workers) == 2
            parent.kill()
            for worker in workers:
                assert select.select([worker], [], [], SECONDS)[0] == [worker]  # it has ended
        finally:
            for worker in workers:
                os.close(worker)
    last(rebuilding(ledger))
    assert_right(ledger.engine, raw)
