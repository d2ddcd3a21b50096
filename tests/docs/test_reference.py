"""The reference is complete, and is what the code says."""

import re
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

import projections
from api.app import create_app
from api.cli import app as command_line
from api.legacy.findings import ACTIONS, CODES
from api.legacy.mapping import MEANINGS
from api.prepare import TABLES
from api.problems import STATUS
from api.replay.findings import REMEDIES
from api.settings import Settings
from domain.events import EVENTS
from domain.moves import TABLE
from domain.refusals import every
from eventstore import guards
from projections.tables import metadata as projected
from tests.docs.pages import DOCS

REFERENCE = DOCS / "reference"
GENERATED = ("moves", "events", "refusals", "settings", "http", "cli", "tables", "legacy-import")


@pytest.fixture(scope="module")
def generator() -> Mapping[str, Any]:
    """The program that writes the pages."""
    return runpy.run_path(str(DOCS / "generate.py"))


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text("utf-8")


def headings(text: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def test_no_page_is_stale(generator: Mapping[str, Any]) -> None:
    """Every generated page is what the code says now; `make docs` renews it."""
    stale: Callable[[], Mapping[Path, str]] = generator["stale"]
    assert sorted(path.name for path in stale()) == []
    assert generator["PAGES"].keys() == set(GENERATED)


def test_every_finding_and_every_old_word_is_listed() -> None:
    """Each code, each action, and each word of the exact table with what it is taken for."""
    told = set(re.findall(r"^\| `([\w-]+)` \|", page("legacy-import"), re.MULTILINE))
    assert {*CODES, *ACTIONS} <= told
    mapped = re.findall(r"^\| (run|tier|phase) \| `(.+?)` \|", page("legacy-import"), re.MULTILINE)
    assert sorted(mapped) == sorted(MEANINGS)


def test_the_generator_only_compares_when_asked_to(
    generator: Mapping[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --check a stale page is told and left alone; without, it is written."""
    main = generator["main"]
    main.__globals__["REFERENCE"] = tmp_path
    try:
        assert main(["--check"]) == 1
        assert list(tmp_path.iterdir()) == []
        assert main([]) == 0
        assert main(["--check"]) == 0
    finally:
        main.__globals__["REFERENCE"] = REFERENCE
    assert {path.stem for path in tmp_path.iterdir()} == set(GENERATED)
    assert capsys.readouterr().out.count("stale: ") == len(GENERATED)


def test_every_event_is_documented() -> None:
    """Every event type has a section, and a row in the tables of moves."""
    assert EVENTS.keys() - headings(page("events")) == set()
    assert [event for event in TABLE if f"[`{event}`](events.md#" not in page("moves")] == []


def test_every_refusal_is_documented() -> None:
    """Every code that has a status has a section; nothing else is called a refusal."""
    codes = {kind.code for kind in STATUS}
    assert {kind.code for kind in every() if "code" in vars(kind)} == codes
    assert codes - headings(page("refusals")) == set()


def test_every_finding_is_documented() -> None:
    """Every code of a finding has a row that says what it means and what to do, and no other has."""
    text = (DOCS / "how-to/prove-the-record.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \| .+ \| .+ \|$", text, re.MULTILINE)) == REMEDIES.keys()


def test_every_setting_is_documented() -> None:
    """Every setting has a row, under the name of its variable."""
    wanted = {f"RUNNOTARY_{name.upper()}" for name in Settings.model_fields}
    assert wanted - set(re.findall(r"^\| `(\w+)` \|", page("settings"), re.MULTILINE)) == set()


def test_every_call_is_documented() -> None:
    """Every call of the OpenAPI document has a section."""
    paths = create_app(Settings()).openapi()["paths"]
    calls = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert calls - headings(page("http")) == set()


def test_every_command_is_documented() -> None:
    """Every command, and every command of a group, has a section."""
    group = typer.main.get_command(command_line)
    assert commands(group, "runnotary") - headings(page("cli")) == set()


def commands(command: Any, path: str) -> set[str]:  # typer's own copies of click's classes
    below = getattr(command, "commands", {})
    return {path}.union(*(commands(each, f"{path} {name}") for name, each in below.items()))


def test_every_table_and_column_is_documented() -> None:
    """The page about the tables has a row for every column, under the heading of its table."""
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page("tables"), re.MULTILINE | re.DOTALL))
    assert {table.name for table in TABLES} == sections.keys()
    assert len(projections.ALL) + 1 == len(projected.tables)
    for table in TABLES:
        named = re.findall(r"^\| `(\w+)` \|", sections[table.name], re.MULTILINE)
        assert named == table.columns.keys(), table.name


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_every_message_of_the_database_is_documented(backend: str) -> None:
    """What the triggers say is on the page, word for word."""
    statements = " ".join((*guards.LOG_GUARDS[backend]("main"), *guards.STATE_GUARDS[backend]("main")))
    quoted = re.findall(r"(?:'runnotary: |runnotary_refuse\(')((?:[^']|'')+)'", statements)
    messages = {message.replace("''", "'") for message in quoted}
    assert len(messages) > 15
    assert [message for message in messages if f"`{message}`" not in page("database")] == []


def test_the_numbers_of_the_pages_are_those_of_the_code() -> None:
    """Figures that are written out by hand."""
    from api.book import REFUSED_LENGTH_MAX
    from api.notary import CLOSE_SECONDS
    from eventstore.database import BUSY_SECONDS, LEASES_LOCK, READERS_MAX, WRITER_LOCK

    text = " ".join(page("database").split())
    assert f"advisory lock {WRITER_LOCK} " in text
    assert f"advisory lock {LEASES_LOCK}," in text
    assert f"waits {BUSY_SECONDS} seconds" in text
    assert f"at most {READERS_MAX} connections" in text
    assert f"{REFUSED_LENGTH_MAX:,} characters" in text
    text = " ".join(page("seals").split())
    assert f"tries for {CLOSE_SECONDS} seconds at most" in text
    assert f"events, {Settings.model_fields['seal_events'].default:,} unless" in text
    assert f"covers, {Settings.model_fields['seal_seconds'].default} unless" in text
