"""How commands print: tables for people, one JSON document for programs, the rest on standard error."""

from collections.abc import Iterable
from typing import NoReturn

import typer
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.words import visible

WIDTH_OF_PIPE = 10_000
"""No line is broken for a program; a table takes as much of it as it needs."""


def console(*, stderr: bool = False) -> Console:
    """The terminal, or the pipe. Colours are for terminals only, and NO_COLOR is heeded."""
    made = Console(stderr=stderr, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = WIDTH_OF_PIPE
    return made


def say(*parts: RenderableType, stderr: bool = False) -> None:
    """Print for people. A terminal breaks lines of plain text itself, so that they are copied whole."""
    out = console(stderr=stderr)
    for part in parts:
        with out.capture() as captured:
            out.print(part, soft_wrap=isinstance(part, Text))
        # A table fills its last column with blanks.
        lines = [line.rstrip(" ") for line in captured.get().splitlines()]
        out.file.write("\n".join(lines) + "\n")
    out.file.flush()


def say_json(body: bytes) -> None:
    """Print a JSON document as it came, in UTF-8 wherever it goes."""
    typer.echo(body.rstrip(b"\n"))


def note(text: str) -> None:
    """Tell something beside the answer."""
    say(plain(text), stderr=True)


def fail(text: str) -> NoReturn:
    """End the command with one line that says what to do."""
    note(f"runnotary: {text}")
    raise typer.Exit(1)


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Columns without lines; what is too wide for a terminal is folded, never cut off."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        right = heading.startswith(">")
        made.add_column(heading.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def fits(made: Table) -> bool:
    """Whether a table can be printed without folding a column."""
    out = console()
    return made.__rich_measure__(out, out.options.update(width=WIDTH_OF_PIPE)).maximum <= out.width


def pairs(rows: Iterable[tuple[str, object]]) -> Table:
    """Names and what they stand for."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, cell(value))
    return made


def cell(value: object) -> Text:
    """A value in a table."""
    if isinstance(value, Text):
        return value
    text = "" if value is None else str(value)
    return plain(text, style_of(text))


def style_of(text: str) -> str:
    """The colour of a state that ends something; of everything else, none."""
    if text in ("DONE_SUCCESS", "COMPLETE"):
        return "green"
    return "red" if text == "FAILED" or text.startswith("DONE_FAILED_") else ""


def indented(text: Text, by: int) -> Padding:
    """A paragraph that stays to the right, however narrow the terminal."""
    return Padding(text, (0, 0, 0, by), expand=False)


def plain(text: str, style: str = "") -> Text:
    """Text that others wrote, with whatever could steer a terminal made visible."""
    return Text(visible(text), style=style)
