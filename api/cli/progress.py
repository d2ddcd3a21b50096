"""How far long work has come: a bar on standard error, where that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.text import Text

from api.cli.output import console

Advance = Callable[[int], None]


@contextmanager
def progress(what: str, total: int | None, unit: str, *, shown: bool = True) -> Iterator[Advance]:
    """A bar for as long as the work lasts; yields what is to be told how much more is done.

    `total` is None where nobody knows it. Without a terminal, nothing is printed.
    """
    out = console(stderr=True)
    if not (shown and out.is_terminal):
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn

    class Rate(TextColumn):
        """How much is done, of how much, and how fast."""

        def __init__(self) -> None:
            super().__init__("")

        def render(self, task: Task) -> Text:
            of = "" if task.total is None else f" of {task.total:,.0f}"
            rate = "" if task.speed is None else f", {task.speed:,.0f}/s"
            return Text(f"{task.completed:,.0f}{of} {unit}{rate}")

    columns = [TextColumn("{task.description}"), BarColumn(), Rate(), TimeRemainingColumn()]
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
