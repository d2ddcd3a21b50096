"""A rebuild that ends itself without a word, at a given moment; for processes of their own."""

import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing import active_children
from typing import Any

from sqlalchemy import Connection, Table, event

from api.replay import rebuild as module
from api.replay.report import Progress
from eventstore import statements
from eventstore.database import open_engine


class Moments:
    """Counts what happens, and ends the process when it comes to a number."""

    left = 0

    def pass_one(self, *_: object) -> None:
        """One more; it may be the last."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def rebuild_until(database_url: str, stage: str, moment: int) -> None:
    """Rebuild, and die in a stage before a statement, a commit, or a load of rows: the one of this number."""
    moments = Moments()
    engine = open_engine(database_url)
    module.SHARD = 4
    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, moments.pass_one)
    load = statements.load

    def loads(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        moments.pass_one()
        load(connection, table, rows)

    statements.load = loads
    if stage == "begin":
        moments.left = moment
    for step in module.rebuild(engine):
        moments.pass_one()
        if isinstance(step, Progress) and step.stage == stage:
            moments.left, stage = moment, ""


def rebuild_with_workers(database_url: str) -> None:
    """Rebuild with worker processes, tell their ids once they work, and wait for the end."""
    module.SHARD = 4
    vars(module)["cores"] = lambda _: 2
    steps = module.rebuild(open_engine(database_url))
    next(steps)
    next(steps)
    sys.stdout.write(" ".join(str(child.pid) for child in active_children()) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    rebuild_with_workers(sys.argv[1])
