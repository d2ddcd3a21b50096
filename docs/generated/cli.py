"""The page of the command line."""

from collections.abc import Iterator
from typing import Any

import typer

from api.cli import app as command_line
from docs.generated.markdown import WIDTH_OF_HELP, block, paragraph


def cli() -> Iterator[str]:
    """Every command, as its own help tells."""
    yield from paragraph(
        "# Command line",
        "`runnotary COMMAND`. It works on a database directly or, with `--server`, through a service. Tables "
        "are for people; `--json` prints the answer of the service as it came. Exit 0: done; 1: refused, or "
        "something is wrong; 2: the command line cannot be understood.",
    )
    group = typer.main.get_command(command_line)
    yield from command_entry(group, None)


def command_entry(command: Any, parent: Any) -> Iterator[str]:  # typer's own copies of click's classes
    """The help of a command, and of those under it."""
    name = command.name if parent else "runnotary"
    settings = {
        **command.context_settings,
        "terminal_width": WIDTH_OF_HELP,
        "max_content_width": WIDTH_OF_HELP,
    }
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    yield from paragraph(f"## {context.command_path}")
    yield from block("text", command.get_help(context))
    for each in getattr(command, "commands", {}).values():
        yield from command_entry(each, context)
