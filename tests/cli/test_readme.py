"""What the README tells to type works, and what it says comes out comes out."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS: list[tuple[str, str]] = BLOCK.findall(README)


def told_after(kind: str) -> list[tuple[str, str]]:
    """Blocks of a kind, each with the block after it."""
    return [(text, after) for (here, text), (_, after) in pairwise(BLOCKS) if here == kind]


def masked(text: str) -> str:
    """The text without what differs from one time to the next: times and spans, and widths of columns."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "TIME", text)
    text = re.sub(r"\+\d+(\.\d)? m?s|\+\d+ min \d+ s", "SPAN", text)
    return re.sub(r"\s+", " ", text).strip().removesuffix(",")


def test_the_walk_by_hand(serving: Any, tmp_path: Path) -> None:
    """Typed in order, every block answers with the lines that stand under it."""
    script = str(Path(sys.executable).parent / "runnotary")
    (serve, _), *walk = told_after("sh")
    assert serve == ".venv/bin/runnotary serve\n"
    assert len(walk) == 5
    with serving(tmp_path) as service:
        for typed, expected in walk:
            command = typed.replace("http://127.0.0.1:8000", service.url)
            command = command.replace(".venv/bin/runnotary", script).replace("python3", sys.executable)
            done = subprocess.run(
                ["sh", "-e", "-c", command], capture_output=True, text=True, timeout=60, check=False
            )
            assert (done.returncode, done.stderr) == (0, ""), typed
            lines = set(map(masked, done.stdout.splitlines()))
            assert [line for line in expected.splitlines() if masked(line) not in lines] == []


@pytest.mark.parametrize(("code", "prints"), told_after("python"))
def test_the_python_example(tmp_path: Path, code: str, prints: str) -> None:
    """The program runs as it stands, and prints what stands under it."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (prints, "")


def test_every_setting_is_listed() -> None:
    """The table has every setting with its default and its meaning, and no other."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, bool | tuple):
            default = json.dumps(default)
        shown = "" if default is None else f"`{default}`"
        rows.append(f"| `RUNNOTARY_{name.upper()}` | {shown} | {field.description} |")
    assert [line for line in README.splitlines() if line.startswith("| `RUNNOTARY_")] == rows


def test_the_two_commands_come_first() -> None:
    """Whoever opens the page sees how to see it work, and how to check it."""
    kind, text = BLOCKS[0]
    assert (kind, [line.split("  ")[0] for line in text.splitlines()]) == ("", ["make demo", "make check"])
    targets = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", targets, re.MULTILINE)
    assert re.search(r"^check:", targets, re.MULTILINE)


def test_every_place_that_is_named_is_there() -> None:
    """The files and folders of the table of the house exist."""
    named = re.findall(r"`((?:domain|eventstore|projections|api|tests)/[\w./]*)`", README)
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []
