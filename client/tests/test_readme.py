"""The README is run, block by block, against a real service, and prints what it says."""

from pathlib import Path

from tests.docs.pages import Terminal

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_says_what_happens(tmp_path: Path) -> None:
    """Every block of the README runs, and prints what it says."""
    with Terminal(tmp_path) as terminal:
        terminal.serve("runnotary serve")
        assert terminal.server is not None
        terminal.variables["RUNNOTARY_SERVER"] = terminal.server.url
        terminal.run(README)
