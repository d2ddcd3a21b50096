"""What the events of an import hold beside what they describe: the row, where it was, what was odd."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from domain.events.shared import Event, Line, Model, Spent, Text

MappingKind = Literal["rename", "semantic", "ambiguous", "unknown"]


class Source(Model):
    """Where a row was found."""

    file: Line = Field(description="The name of the file, without its folder.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the file's bytes.")
    table: Line = Field(description="The table that the row was in.")
    naive_times: list[Line] | None = Field(
        None, description="Columns whose time names no offset, and is read as UTC."
    )


class StateMapping(Model):
    """What an illegal state was taken for."""

    model_config = ConfigDict(serialize_by_alias=True)

    found: Any = Field(alias="from", description="The state as it was found.")
    kind: MappingKind = Field(
        description="rename: a spelling of a legal state, and applied; semantic: a person has to agree; "
        "ambiguous: several are possible; unknown: nobody knows the word."
    )
    to: Line | None = Field(description="The legal state; null where none is suggested.")


class Finding(Model):
    """One odd thing about what was found, and what was done about it."""

    code: Line = Field(description="A stable word.")
    entity: Literal["run", "tier", "phase"]
    run_id: Line | None = Field(description="The run that it is about, as it was found.")
    phase_id: Line | None = None
    tier_id: Line | None = None
    field: Line | None = Field(None, description="The column, where it is about one.")
    value: Any = Field(description="What was found.")
    action: Line = Field(description="What was done, in a stable word.")
    detail: Text = Field(description="The same for people.")


class TakenOver(Event):
    """What is known of where something came from."""

    legacy: dict[str, Any] | None = Field(None, description="The row as it was found.")
    source: Source | None = Field(None, description="Where it was found.")
    findings: list[Finding] | None = Field(None, description="What was odd about it.")
    mapping: StateMapping | None = Field(
        None, description="What its state was taken for; left out where that was legal."
    )
    usage: Spent | None = Field(None, description="What had been spent by then.")
