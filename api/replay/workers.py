"""The same work on many parts of the log, on all cores."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from signal import SIG_IGN, SIGINT, signal
from typing import TypeVar

from sqlalchemy import Engine

from api.replay.refusals import WorkerLost
from eventstore.database import open_to_read

P = TypeVar("P")
R = TypeVar("R")

WORTH_A_PROCESS = 50_000
"""Events from which on the work is shared out: a process costs about a second before it does any."""

_engine: Engine | None = None
"""In a worker process: its own engine, for as long as it lives."""

_given_up: Event | None = None
"""In a worker process: whether nobody waits for its results any more."""


def cores(events: int) -> int:
    """How many processes to share this many events out to; 1: this one."""
    return len(os.sched_getaffinity(0)) if events >= WORTH_A_PROCESS else 1


def spread(engine: Engine, task: Callable[[Engine, P], R], parts: Sequence[P], processes: int) -> Iterator[R]:
    """What the task makes of each part, in their order; the engine is read only.

    No more is worked ahead than twice what the processes have under way, so that results do not pile up.

    Raises:
        WorkerLost: a process was ended from outside.
    """
    if processes == 1:
        for part in parts:
            yield task(engine, part)
        return
    url = engine.url.render_as_string(hide_password=False)
    context = get_context("spawn")
    given_up = context.Event()
    pool = ProcessPoolExecutor(processes, context, begin, (url, given_up))
    waiting: deque[Future[R]] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(work, task, part))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerLost from error
    finally:
        given_up.set()
        pool.shutdown(wait=True, cancel_futures=True)


def begin(url: str, given_up: Event) -> None:
    """Set a worker process up: it reads on its own connections, and ends when its parent does."""
    global _engine, _given_up  # a process is all that a worker is
    signal(SIGINT, SIG_IGN)  # Ctrl-C at a terminal reaches the parent too, which ends this one
    _engine, _given_up = open_to_read(url), given_up
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Do not outlive the process that waits for the results."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def work(task: Callable[[Engine, P], R], part: P) -> R:
    """Do the task in a worker process."""
    assert _engine is not None  # noqa: S101  # the process began with it
    assert _given_up is not None  # noqa: S101  # likewise
    if _given_up.is_set():
        raise CancelledError
    return task(_engine, part)
