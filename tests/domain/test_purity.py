"""The domain is pure: no clock, no chance, no input or output."""

import ast
from pathlib import Path

import pytest

import domain

ROOT = Path(domain.__file__ or "").parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}
FORBIDDEN = {
    *("time", "random", "secrets", "uuid", "uuid_utils"),
    *("os", "sys", "io", "pathlib", "glob", "tempfile", "shutil", "subprocess", "logging", "structlog"),
    *("asyncio", "threading", "multiprocessing", "socket", "urllib", "httpx2"),
    *("sqlalchemy", "alembic", "psycopg", "sqlite3", "fastapi", "starlette", "uvicorn", "orjson"),
    *("eventstore", "projections", "api"),
}
CLOCKS = {"now", "utcnow", "today"}
DOORS = {"open", "print", "input", "exec", "eval", "__import__"}


def imported(tree: ast.AST) -> set[str]:
    """The packages that a file imports, wherever in it."""
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return {
        name.split(".")[0]
        for name in plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    }


def test_there_is_something_to_look_at() -> None:
    """The files of the domain are found."""
    assert {"decide.py", "moves.py", "run.py"} <= FILES.keys()


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_the_domain_asks_nobody(path: Path) -> None:
    """No file imports a clock, chance, a database, the web or the outside, nor opens anything."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert imported(tree) & FORBIDDEN == set()
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call.attr for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS] == []
    assert [call.id for call in calls if isinstance(call, ast.Name) and call.id in DOORS] == []


def test_one_file_knows_the_machine() -> None:
    """`transitions` is used where the table is, and nowhere else."""
    knows = {name: "transitions" in imported(ast.parse(path.read_text())) for name, path in FILES.items()}
    assert [name for name in FILES if knows[name]] == ["moves.py"]
