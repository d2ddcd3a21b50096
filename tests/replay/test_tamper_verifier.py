"""The verifier of the page about the chain, which has nothing of ours, says of attacks what `verify` says."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks
from tests.replay.attacks import Attack, attacked
from tests.replay.every_attack import ATTACKS
from tests.replay.logs import Log

OF_CHAIN = {"version-missing", "chain-broken", "content-changed", "out-of-order"}

OF_TABLES = {"table-differs", "row-missing", "row-too-many", "guards-missing"}
OF_LOG = [attack for attack in ATTACKS if not attack.finds or attack.finds - OF_TABLES]
"""What leaves the log as it was has nothing to do with the chain."""

Broken = Callable[[Log], tuple[str, int] | None]


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """The run and version that the verifier of the page finds broken first in a database."""
    (program,) = [block for block in blocks(DOCS / "reference/chain.md") if block.file == "verify.py"]
    (tmp_path / "verify.py").write_text(program.text, "utf-8")

    def first(log: Log) -> tuple[str, int] | None:
        command = [sys.executable, "-I", "-S", "verify.py", str(log.engine.url.database)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        lines = [line.split() for line in done.stdout.splitlines() if line.startswith("BROKEN")]
        assert (done.returncode, done.stderr) == (int(bool(lines)), "")
        return next(((run_id, int(version)) for _, run_id, version in lines), None)

    return first


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
@pytest.mark.parametrize("attack", OF_LOG, ids=lambda attack: attack.name)
def test_both_verifiers_say_the_same_of_an_attack(log: Log, broken: Broken, attack: Attack) -> None:
    """Of the chain of every run: it holds, or is broken first at the same event."""
    with attacked(log, attack):
        findings = log.verified().findings
        ours = [(each.run_id, each.version) for each in findings if each.code in OF_CHAIN]
        assert broken(log) == next(iter(ours), None)
