"""The tutorial and the how-tos are run, block by block, against a real server, and print what they say."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest

from api.ledger import Ledger
from api.settings import Settings
from tests.databases import SERVER, Scratch
from tests.docs.pages import DOCS, Terminal, blocks, differences

SHARING = (
    "how-to/read-a-refusal",
    "how-to/retry-safely",
    "how-to/audit-a-run",
    "how-to/ask-why-not",
    "how-to/ask-the-history",
    "how-to/repair-a-run",
    "reference/chain",
    "reference/seals",
)
"""Pages that speak of runs of their own, so that one server does for all."""

BY_ITSELF = (
    "tutorial",
    "how-to/follow-the-log",
    "how-to/use-from-python",
    "how-to/write-an-executor",
    "how-to/share-work-among-executors",
    "how-to/receive-webhooks",
    "how-to/prove-the-record",
    "how-to/rebuild-the-tables",
    "how-to/connect-an-existing-executor",
    "how-to/keep-and-annotate-runs",
    "how-to/import-a-legacy-database",
    "how-to/recover-from-the-incident",
)
ELSEWHERE = ("how-to/run-on-postgresql", "how-to/back-up-and-restore", "how-to/keep-seals-outside")
SERVED = (
    "how-to/follow-the-log",
    "how-to/rebuild-the-tables",
    "how-to/write-an-executor",
    "how-to/share-work-among-executors",
)
"""Pages that need a server, and a database of their own."""

AS_RECIPES = ("how-to/add-an-event-type", "how-to/add-a-read-model")


def test_no_page_is_forgotten() -> None:
    """Whatever page has blocks that can be run is run by one of the tests."""
    known = {*SHARING, *BY_ITSELF, *ELSEWHERE, *AS_RECIPES}
    run = {path for path in DOCS.rglob("*.md") if blocks(path)}
    assert {str(path.relative_to(DOCS).with_suffix("")) for path in run} == known


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal beside a server."""
    with Terminal(tmp_path_factory.mktemp("served")) as terminal:
        terminal.serve("runnotary serve")
        yield terminal


@pytest.mark.parametrize("page", SHARING)
def test_a_page_about_a_server_says_what_happens(page: str, served: Terminal) -> None:
    """Every block of the page runs, and prints what the page says."""
    served.run(DOCS / f"{page}.md")


@pytest.mark.parametrize("page", BY_ITSELF)
def test_a_page_says_what_happens(page: str, tmp_path: Path) -> None:
    """Every block of the page runs, and prints what the page says."""
    with Terminal(tmp_path) as terminal:
        if page in SERVED:
            terminal.serve("runnotary serve")
        terminal.run(DOCS / f"{page}.md")


@pytest.fixture
def databases(scratch_database: Scratch) -> Iterator[dict[str, str]]:
    """The URLs of two empty databases of PostgreSQL, as a page names them."""
    with (
        scratch_database("postgresql", migrated=False) as one,
        scratch_database("postgresql", migrated=False) as other,
    ):
        yield {"DATABASE": one, "RESTORED": other}


on_postgresql = pytest.mark.parametrize("kind", ["postgresql"])


@on_postgresql
def test_the_tutorial_is_the_same_on_postgresql(kind: str, databases: dict[str, str], tmp_path: Path) -> None:
    """Every block of the tutorial prints on PostgreSQL what the page says."""
    variables = {"RUNNOTARY_DATABASE_URL": databases["RESTORED"], "DATABASE": databases["DATABASE"]}
    with Terminal(tmp_path, kind, variables) as terminal:
        terminal.run(DOCS / "tutorial.md")


@pytest.fixture
def role() -> Iterator[str]:
    """The name of a role that nobody else has; it is gone afterwards."""
    name = f"runnotary_test_{token_hex(4)}"
    yield name
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP ROLE IF EXISTS {name}".encode())


@on_postgresql
def test_it_runs_on_postgresql(kind: str, role: str, databases: dict[str, str], tmp_path: Path) -> None:
    """Every block of the page runs, and prints what the page says."""
    with Terminal(tmp_path, kind, databases) as terminal:
        terminal.run(DOCS / "how-to/run-on-postgresql.md", runnotary_service=role)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_copy_is_the_database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The copies that the page makes while a ledger is open hold what was recorded, and go on from there."""
    if kind == "sqlite":
        variables, url = {}, f"sqlite:///{tmp_path}/runnotary.db"
        copies = [f"sqlite:///{tmp_path}/{name}.db" for name in ("copy", "small")]
    else:
        if shutil.which("pg_dump") is None:
            pytest.skip("no pg_dump")
        variables = request.getfixturevalue("databases")
        url, copies = variables["DATABASE"], [variables["RESTORED"]]
    with Ledger.open(Settings(database_url=url)) as ledger, Terminal(tmp_path, kind, variables) as terminal:
        ledger.create_run({"run_id": "kept", "goal": "größer", "labels": {"a": "b"}, "phases": [{}]})
        terminal.run(DOCS / "how-to/back-up-and-restore.md")
        kept = ledger.run("kept")
    for copy in copies:
        with Ledger.open(Settings(database_url=copy)) as ledger:
            assert ledger.run("kept") == kept
            (recorded,) = ledger.propose("kept", {"type": "run.execution_started"})
            assert recorded.event.position == kept["position"] + 1


def test_seals_are_kept_outside(tmp_path: Path) -> None:
    """Every block of the page prints what the page says, with the verifier of the other page at hand."""
    (verifier,) = [block for block in blocks(DOCS / "reference/chain.md") if block.file == "verify.py"]
    with Terminal(tmp_path) as terminal:
        terminal.run_block(verifier)
        terminal.run(DOCS / "how-to/keep-seals-outside.md")


@pytest.mark.parametrize(
    ("language", "says", "printed"),
    [
        ("json", '{"a": 1}', '{"a": 2}'),
        ("json", '{"a": 1}', '{"b": 1}'),
        ("json", '{"a": [1, "..."]}', '{"a": []}'),
        ("json", '{"a": [1]}', '{"a": [1, 2]}'),
        ("json", '{"a": "x..."}', '{"a": "y"}'),
        ("json", '{"a": null}', '{"a": 0}'),
        ("json", '{"a": 1}', "curl: (7) Failed to connect"),
        ("text", "one\n...\nfour", "one\ntwo\nthree"),
        ("text", "one", "one\ntwo"),
        ("text", "one ... three", "one two"),
    ],
)
def test_a_page_that_says_otherwise_is_found_out(language: str, says: str, printed: str) -> None:
    """What is printed is compared with what the page says: no page is right by saying nothing."""
    assert differences((language, says), printed) is not None


@pytest.mark.parametrize(
    ("language", "says", "printed"),
    [
        ("json", '{"a": {"b": "..."}}', 'HTTP/1.1 200 OK\r\n\r\n{"a": {"b": 7, "c": 8}, "d": 9}'),
        ("json", '[1, "..."]', "[0]\n[1, 2, 3]"),
        ("text", "...\ntwo  2\n...", "one\r\ntwo 2\r\n"),
        ("text", "one ... three\n...\nsix", "one two three\nfour\nfive\nsix"),
    ],
)
def test_a_page_that_is_right_is_let_be(language: str, says: str, printed: str) -> None:
    """Dots stand for anything, and spaces for any number of spaces."""
    assert differences((language, says), printed) is None
