"""Whoever follows a link arrives, and every page can be reached."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

ROOT = DOCS.parent
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"`((?:domain|eventstore|projections|api|tests|docs|requirements)/[\w./-]*)`")
TO_BE_MADE = {"projections/tiers.py", "eventstore/migrations/versions/0008_phase_unskipped.py"}
"""Files that a page has its reader make."""

FORBIDDEN = re.compile(r"/home/|/tmp/|/root/|https?://(?!127\.0\.0\.1|\S*localhost)", re.IGNORECASE)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page: its headings, as hosts of repositories make them."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def links(page: Path) -> list[tuple[Path, str]]:
    """Where the links of a page lead: files, and anchors in them."""
    found = [link.partition("#") for link in LINK.findall(prose(page)) if "://" not in link]
    return [((page.parent / file).resolve() if file else page, anchor) for file, _, anchor in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_link_arrives(page: Path) -> None:
    """A link leads to a file that is there, and to a heading in it."""
    lost = [(str(file), anchor) for file, anchor in links(page) if not file.exists()]
    lost += [(str(file), anchor) for file, anchor in links(page) if anchor and anchor not in anchors(file)]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """A file of ours that a page speaks of exists."""
    named = set(OURS.findall(prose(page))) - TO_BE_MADE
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_no_page_names_a_machine(page: Path) -> None:
    """A page has no path and no host of somebody's machine, and has one title."""
    text = page.read_text("utf-8")
    assert FORBIDDEN.findall(text) == []
    assert len(re.findall(r"^# ", FENCED.sub("", text), re.MULTILINE)) == 1


def test_every_page_can_be_reached() -> None:
    """From the index every page is one link away."""
    index = DOCS / "index.md"
    assert [page for page in PAGES if page not in {index, *(file for file, _ in links(index))}] == []
