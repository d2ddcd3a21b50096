"""What cannot be told of a history."""

from dataclasses import dataclass

from domain.refusals import Refusal


@dataclass(eq=False)
class NoSuchVersion(Refusal):
    code = "no-such-version"
    title = "The run was never at this version"

    run_id: str
    current_version: int
    first_at: str
    last_at: str
    first_position: int
    last_position: int
    version: int | None = None
    time: str | None = None
    position: int | None = None

    @property
    def detail(self) -> str:
        if self.time is not None:
            return f"Run {self.run_id!r} was not there yet at {self.time}: it begins at {self.first_at}."
        if self.position is not None:
            begins = f"it begins at position {self.first_position}"
            return f"Run {self.run_id!r} was not there yet at position {self.position}: {begins}."
        return f"Run {self.run_id!r} has no version {self.version}; it is at {self.current_version}."

    @property
    def remedy(self) -> str:
        if self.time is not None:
            return f"Ask for a time from {self.first_at} on; one after {self.last_at} means the run as it is."
        if self.position is not None:
            after = f"one after {self.last_position} means the run as it is"
            return f"Ask for a position from {self.first_position} on; {after}."
        return f"Ask for a version from 1 to {self.current_version}, or leave it out for the run as it is."


@dataclass(eq=False)
class UnknownField(Refusal):
    code = "unknown-field"
    title = "The run has no such field"

    run_id: str
    field: str
    version: int
    did_you_mean: list[str]

    @property
    def detail(self) -> str:
        return f"Run {self.run_id!r} has no field {self.field[:140]!r} up to version {self.version}."

    @property
    def remedy(self) -> str:
        meant = f"Did you mean {' or '.join(self.did_you_mean)}? " if self.did_you_mean else ""
        return f"{meant}Leave the field out to see them all."


@dataclass(eq=False)
class InvalidExpression(Refusal):
    code = "invalid-expression"
    title = "The expression cannot be used"

    expr: str
    why: str
    position: int | None = None
    version: int | None = None
    hint: str | None = None

    @property
    def detail(self) -> str:
        at = "" if self.position is None else f" at character {self.position}"
        of = "" if self.version is None else f" at version {self.version}"
        return f"The expression cannot be used{at}{of}: {self.why}."

    @property
    def remedy(self) -> str:
        hint = f"{self.hint} " if self.hint else ""
        return (
            f"{hint}It is JMESPath: texts in 'single quotes'; numbers, true, false and null in `backticks`; "
            "fields as GET /v1/runs/{run_id} names them."
        )
