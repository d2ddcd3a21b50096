"""Write the reference pages that follow from the code: `python docs/generate.py`; `--check` only compares."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from docs.generated import cli, events, http, legacy_import, moves, refusals, settings, tables

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/generate.py from the code; `make docs` renews it. -->"

PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "moves": moves.moves,
    "events": events.events,
    "refusals": refusals.refusals_page,
    "settings": settings.settings,
    "http": http.http_page,
    "cli": cli.cli,
    "tables": tables.tables,
    "legacy-import": legacy_import.legacy_import,
}


def stale() -> dict[Path, str]:
    """The pages that are not what the code says, with what they should be."""
    wanted = {
        REFERENCE / f"{name}.md": "\n".join([NOTE, "", *page()]).rstrip("\n") + "\n"
        for name, page in PAGES.items()
    }
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text
    }


def main(arguments: Sequence[str]) -> int:
    """Write or, with --check, compare."""
    pages = stale()
    for path, text in pages.items():
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
        print(f"{'stale' if '--check' in arguments else 'written'}: {path.name}")
    return 1 if pages and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
