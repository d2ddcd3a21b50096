"""How a page is written: paragraphs, tables and blocks of Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from json import dumps
from textwrap import fill

WIDTH = 120
WIDTH_OF_HELP = 100
LONG = 80
"""Characters of an example that fit into a table."""


def paragraph(*texts: str) -> Iterator[str]:
    """Headings and paragraphs."""
    for text in texts:
        yield (
            text
            if text.startswith("#")
            else fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        )
        yield ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in row)
        yield f"| {' | '.join(cells)} |".replace("|  ", "| ").replace("|  ", "| ")
    yield ""


def block(language: str, text: str) -> Iterator[str]:
    """A block of code."""
    yield from (f"```{language}", text.rstrip("\n"), "```", "")


def json_block(value: object) -> Iterator[str]:
    """A JSON document."""
    return block("json", dumps(value, indent=2, ensure_ascii=False))


def code(text: object) -> str:
    """A word of the code."""
    return f"`{text}`"
