"""The rules of the house that no linter knows."""

import ast
import os
from collections import Counter
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
PACKAGES = ("domain", "eventstore", "projections", "api")
CLIENT = "client/src/runnotary_client"
FOLDERS = (*PACKAGES, CLIENT)
LINES_MAX = 350
RECORD_LINES_MAX = 40


def files_of(package: str) -> list[Path]:
    """What a package holds, compiled files apart."""
    return [path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix != ".pyc"]


def lines_of(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def says_what_it_is_for(folder: Path) -> bool:
    init = folder / "__init__.py"
    return init.is_file() and ast.get_docstring(ast.parse(init.read_text())) is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_else_owns_a_package_of_the_house(package: str) -> None:
    """No other installed distribution ships a package of the same name: it would be imported in our place."""
    # An editable install does not list its own packages, a wheel does: both are well.
    owners = set(packages_distributions().get(package, []))
    assert owners <= {"runnotary"}


@pytest.mark.parametrize("package", FOLDERS)
def test_every_folder_says_what_it_is_for(package: str) -> None:
    """Every folder with Python in it has an `__init__.py` with a docstring."""
    folders = {path.parent for path in files_of(package) if path.suffix == ".py"} | {ROOT / package}
    assert [str(folder) for folder in sorted(folders) if not says_what_it_is_for(folder)] == []


@pytest.mark.parametrize("package", FOLDERS)
def test_no_file_outgrows_the_house(package: str) -> None:
    """A file that is too long to be read in one sitting is a sign that a room is missing."""
    assert {str(path): lines_of(path) for path in files_of(package) if lines_of(path) > LINES_MAX} == {}


@pytest.mark.parametrize("name", ["run", "dev"])
def test_requirements_name_no_host(name: str) -> None:
    """Pins and hashes say what to install; where from is for each machine's own pip to know."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    assert "--hash=sha256:" in text
    assert [word for word in ("://", "index-url", "find-links", "trusted-host") if word in text] == []


def test_development_runs_on_the_released_versions() -> None:
    """Whatever is pinned to run is pinned the same to develop, so the checks check what users get."""
    run, dev = (
        {
            line.split()[0]
            for line in (ROOT / f"requirements/{name}.txt").read_text().splitlines()
            if "==" in line
        }
        for name in ("run", "dev")
    )
    assert run - dev == set()


def test_ci_runs_what_a_person_runs() -> None:
    """CI is `make check` and nothing else, so a green check at home is a green check there."""
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "make check" in script.read_text().splitlines()


def test_decision_records_fit_a_page() -> None:
    """A decision record is short enough to be read, and its number is its own."""
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert {path.name: lines_of(path) for path in records if lines_of(path) > RECORD_LINES_MAX} == {}
    numbers = Counter(path.name.split("-")[0] for path in records)
    assert numbers["0001"] == 1
    assert [number for number, count in numbers.items() if count > 1] == []


def test_every_changelog_is_open() -> None:
    """Every changelog has an Unreleased section, so that a change never waits for its place."""
    changelogs = [ROOT / "CHANGELOG.md", *ROOT.glob("*/CHANGELOG.md")]
    closed = [path for path in changelogs if "## [Unreleased]" not in path.read_text().splitlines()]
    assert closed == []


def test_the_wheel_is_the_house(tmp_path: Path) -> None:
    """The built wheel holds the four packages whole, and neither tests nor docs nor anything else."""
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    shipped = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == {
        path.relative_to(ROOT).as_posix() for package in PACKAGES for path in files_of(package)
    }


def test_the_wheel_of_the_client_is_the_client(tmp_path: Path) -> None:
    """The client ships whole, with the mark that it is typed, and nothing of the service."""
    wheel = next(WheelBuilder(str(ROOT / "client")).build(directory=str(tmp_path), versions=["standard"]))
    shipped = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == {path.relative_to(ROOT / "client/src").as_posix() for path in files_of(CLIENT)}
    assert "runnotary_client/py.typed" in shipped
