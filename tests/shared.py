"""Files that are shared with the project and no part of it: legacy databases, recordings."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("RUNNOTARY_SHARED") or Path(__file__).parents[2] / "shared")


def shared(name: str) -> Path:
    """The folder of this name; where it is absent, the test is skipped and says which one is."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no {folder} here; RUNNOTARY_SHARED names another place")
    return folder
