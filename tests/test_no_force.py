"""There is no way past the moves but a repair, and no switch that makes one."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from api.app import create_app
from api.cli import app
from api.settings import Settings
from domain.decide import decide
from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.moves import ANY, TABLE
from domain.refusals import ReservedEvent
from domain.run import Run

SWITCH = re.compile(
    r"force|overrid|bypass|skip|ignore|unsafe|yes|assume|no_?check|without_?check|admin", re.IGNORECASE
)
HARMLESS = {"--without", "--skip-verify"}


def options(command: Any, path: str = "runnotary") -> Iterator[tuple[str, str]]:
    """Every option of a command and of those under it."""
    for parameter in command.params:
        for name in (*parameter.opts, *parameter.secondary_opts):
            yield path, name
    for name, each in getattr(command, "commands", {}).items():
        yield from options(each, f"{path} {name}")


def names(value: object) -> Iterator[str]:
    """Every name of a field or parameter in an OpenAPI document."""
    if isinstance(value, dict):
        properties = value.get("properties")
        if isinstance(properties, dict):
            yield from properties
        if "in" in value and isinstance(value.get("name"), str):
            yield value["name"]
        for inner in value.values():
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def test_no_command_has_a_switch() -> None:
    """No option of any command is called like one that goes past what is checked."""
    found = list(options(get_command(app)))
    assert ("runnotary repair propose", "--reason") in found
    assert [each for each in found if SWITCH.search(each[1]) and each[1] not in HARMLESS] == []


def test_no_setting_is_a_switch() -> None:
    """Nor is any variable; the one about repairs asks for more, not for less."""
    assert [name for name in Settings.model_fields if SWITCH.search(name)] == []
    assert Settings.model_fields["repair_two_persons"].default is False


def test_no_call_has_a_switch() -> None:
    """Nor any field or parameter over HTTP; and only a new run and a repair name a state to be in."""
    document = create_app(Settings()).openapi()
    assert [name for name in names(document) if SWITCH.search(name)] == []
    taken = {
        call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for methods in document["paths"].values()
        for call in methods.values()
        if "requestBody" in call
    }
    shapes = document["components"]["schemas"]
    assert {name for name in taken if "state" in shapes[name]["properties"]} == {"NewRun", "NewRepair"}


@pytest.mark.parametrize("kind", [event for event, move in TABLE.items() if move.leads_to == ANY])
def test_what_names_a_state_is_the_service_s_alone(kind: str) -> None:
    """An event whose data say where it leads is refused to everybody else, whatever state it is in."""
    event = EVENTS[kind].model_construct(**EVENTS[kind].example)
    with pytest.raises(ReservedEvent):
        decide(Run(run_id="one"), Proposal(run_id="one", event=event))
