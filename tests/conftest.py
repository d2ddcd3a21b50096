"""How the tests run. The fixtures that they share are in the plugins."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

import api.app  # noqa: F401  # every model has to be there before a test freezes time
from api import logs

pytest_plugins = ["tests.databases", "tests.ledgers", "tests.runs", "tests.histories", "tests.carried"]

OURS = ("RUNNOTARY_TEST_POSTGRES", "RUNNOTARY_REQUIRE_POSTGRES", "RUNNOTARY_TEST_PM4PY", "RUNNOTARY_SHARED")

hypothesis.settings.register_profile("runnotary", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("runnotary")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of a developer's own settings reaches the tests."""
    for name in [name for name in os.environ if name.startswith("RUNNOTARY_") and name not in OURS]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A test logs as the service does, to what is then its standard error, and to nothing once it is over."""
    logs.configure()
    yield
    structlog.reset_defaults()
