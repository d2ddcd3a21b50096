"""The shapes of answers about replaying the log, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.replay.findings import REBUILD
from domain.described import RUN_ID


class FindingShown(BaseModel):
    """One thing that is not as it has to be."""

    code: str
    position: int | None = Field(description="Where in the log it shows first.")
    run_id: str | None
    version: int | None
    detail: str
    remedy: str

    model_config = ConfigDict(extra="allow")


class RebuildReport(BaseModel):
    """What a replay came to."""

    ok: bool = Field(description="Whether nothing was found wrong.")
    up_to: int = Field(description="The position that the log ended at.")
    events: int
    runs: int
    found: int = Field(description="How many findings there are; the first 1,000 are listed.")
    first_bad_position: int | None = Field(
        description="Where the log first goes wrong or, if it does not, where a table first parts from it."
    )
    findings: list[FindingShown] = Field(
        description="What is wrong with the log, in its order, and then with the tables."
    )

    model_config = ConfigDict(json_schema_extra={"example": {
        "ok": True, "up_to": 1204, "events": 1204, "runs": 51, "found": 0, "first_bad_position": None,
        "findings": [],
    }})  # fmt: skip


FINDING: dict[str, Any] = {
    "code": "table-differs", "position": 17, "run_id": RUN_ID, "version": 4,
    "detail": "runs.state of run_id nightly-42 is 'READY'; the log makes it 'PHASE_EXECUTION'.",
    "remedy": REBUILD,
    "table": "runs", "key": {"run_id": RUN_ID}, "column": "state", "expected": "PHASE_EXECUTION",
    "found": "READY",
    }  # fmt: skip


class VerifyReport(RebuildReport):
    """What verifying came to."""

    model_config = ConfigDict(json_schema_extra={"example": {
        "ok": False, "up_to": 1204, "events": 1204, "runs": 51, "found": 1, "first_bad_position": 17,
        "findings": [FINDING],
    }})  # fmt: skip


class ProjectionShown(BaseModel):
    """A table that is made from the log."""

    name: str
    version: int = Field(description="Its shape; another than the program's is rebuilt at start.")
    rows: int

    model_config = ConfigDict(json_schema_extra={"example": {"name": "runs", "version": 1, "rows": 51}})


class ProjectionList(BaseModel):
    """The tables that are made from the log."""

    items: list[ProjectionShown]
    next_cursor: str | None
