"""What can be odd about a row: a code for each, what is done about it, and what that means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from api.legacy import mapping
from api.legacy.columns import ATTEMPTS_MAX, COUNTERS, DOCUMENTED, LIMITS, SUMMED, TIMES
from api.legacy.source import Row
from api.legacy.values import Time, kept, time_of
from domain.events.taken_over import Finding, StateMapping
from domain.values import printable, unkept_text

Action = Literal[
    "renamed",
    "quarantined",
    "kept",
    "kept-marked",
    "left-out",
    "read-as-zero",
    "default-used",
    "not-imported",
    "not-overwritten",
]
ACTIONS: Mapping[Action, str] = {
    "renamed": "The state was a spelling of a legal one, which is recorded.",
    "quarantined": "Recorded without a state; it waits for a repair.",
    "kept": "Recorded as it was found; it contradicts something, and stands.",
    "kept-marked": "Kept under a marked key, since it could not be kept as it was.",
    "left-out": "Not taken over as a field; the whole row is in the event.",
    "read-as-zero": "Counted as 0; the whole row is in the event.",
    "default-used": "The default of Runnotary is used; the whole row is in the event.",
    "not-imported": "Not recorded at all.",
    "not-overwritten": "What was recorded stays as it is.",
}


class Code(NamedTuple):
    """One kind of finding."""

    action: Action
    detail: str


CODES: Mapping[str, Code] = {
    "illegal-run-state": Code("quarantined", "The state is none that a run can be in"),
    "illegal-phase-state": Code("quarantined", "The state is none that a phase can be in"),
    "illegal-tier-state": Code(
        "kept", "The state is none that a tier can be in. Here it follows from the phases"
    ),
    "phase-without-run": Code(
        "quarantined", "There is no row of its run. The run is quarantined, the phase recorded in it"
    ),
    "tier-without-run": Code(
        "quarantined", "There is no row of its run. The run is quarantined, the tier kept in it"
    ),
    "run-without-phases": Code("kept", "The run has no phases"),
    "run-without-tiers": Code("kept", "The run has no tiers"),
    "run-id-is-phase-id": Code("kept", "The phase is called as its run. Both keep the id"),
    "phase-in-foreign-tier": Code("left-out", "The row of its tier belongs to another run"),
    "tier-missing": Code("left-out", "There is no row of its tier"),
    "tier-label-twice": Code("kept", "Another tier of the run has the same label. They are one tier here"),
    "scope-not-json": Code(
        "kept-marked", "The scope is no JSON that every reader gives back; it is text now"
    ),
    "scope-not-object": Code("kept-marked", "The scope is JSON, and no object; it is a value within one now"),
    "done-with-queued-phases": Code("kept", "The run is over, and phases of it still wait"),
    "open-run-all-phases-ended": Code("kept", "Every phase has ended, and the run is not over"),
    "failed-with-retries-left": Code(
        "kept", f"The phase failed before its {ATTEMPTS_MAX} attempts were used up"
    ),
    "updated-before-created": Code("kept", "It was changed before it was made: two clocks wrote the row"),
    "negative-counter": Code("read-as-zero", "A count cannot be below zero"),
    "undocumented-config": Code("kept", "The word is none of those that the column may hold"),
    "id-not-legal": Code(
        "not-imported", "Nothing can be called that: letters, digits, dots, dashes, underscores, at most 128"
    ),
    "row-twice": Code("not-imported", "An earlier row has the same id. That one is taken"),
    "value-not-json": Code("kept-marked", "The value is none that every JSON reader gives back"),
    "value-not-usable": Code("left-out", "The value is of a kind or size that cannot be used"),
    "table-missing": Code("not-imported", "There is no such table"),
    "table-unreadable": Code("not-imported", "The table cannot be read, or not to its end"),
    "row-changed": Code("not-overwritten", "The row is another than the one that was imported before"),
    "exists-here": Code("not-imported", "It is here already, and was not imported"),
}
"""Every code, with what is usually done."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class About:
    """What a finding is about."""

    entity: mapping.Entity
    run_id: str | None
    phase_id: str | None = None
    tier_id: str | None = None

    def finding(
        self,
        code: str,
        value: Any,
        *,
        column: str | None = None,
        action: Action | None = None,
        why: str | None = None,
    ) -> Finding:
        """Something odd about it; `why` is added to what the code says."""
        told = CODES[code]
        named = {"phase_id": self.phase_id, "tier_id": self.tier_id, "field": column}
        return Finding(
            code=code,
            entity=self.entity,
            run_id=self.run_id,
            **{name: text for name, text in named.items() if text is not None},
            value=value,
            action=action or told.action,
            detail=f"{told.detail}: {why}." if why else f"{told.detail}.",
        )


def about(entity: mapping.Entity, run_id: Any, **named: Any) -> About:
    """What rows name it by, made printable."""
    return About(entity, shown(run_id), **{name: shown(value) for name, value in named.items()})


def shown(value: Any) -> str | None:
    """An id as a finding shows it."""
    return None if value is None else printable(str(value))


@dataclass(slots=True)
class Reading:
    """A row that is being understood, and what is odd about it so far."""

    row: Row
    about: About
    findings: list[Finding] = field(default_factory=list)

    def note(self, code: str, value: Any, **more: Any) -> None:
        """Something is odd: see `About.finding`."""
        self.findings.append(self.about.finding(code, value, **more))

    def whole(self) -> dict[str, Any]:
        """The row as the event keeps it; notes what could not be kept as it was."""
        made = {}
        for name, value in self.row.found.items():
            made[name] = kept(value)
            if made[name] is not value:
                self.note("value-not-json", made[name], column=name)
        return made

    def look_over(self) -> dict[str, Time]:
        """Note what is odd about any row; the times in it."""
        table = self.row.table
        for column in COUNTERS[table]:
            if is_below_zero(value := self.row[column]):
                self.note("negative-counter", kept(value), column=column, action=instead_of(table, column))
        for column, words in DOCUMENTED[table].items():
            if (word := self.row[column]) is not None and word not in words:
                self.note("undocumented-config", kept(word), column=column)
        times = {}
        for column in TIMES:
            if (time := time_of(self.row[column])) is not None:
                times[column] = time
            elif self.row[column] is not None:
                self.note("value-not-usable", kept(self.row[column]), column=column)
        if {"created_at", "updated_at"} <= times.keys() and times["updated_at"].at < times["created_at"].at:
            found = {column: self.row[column] for column in ("created_at", "updated_at")}
            self.note("updated-before-created", found)
        return times

    def state(self) -> tuple[str | None, StateMapping | None]:
        """The legal state, or None; and what an illegal one is taken for."""
        entity, found = self.about.entity, self.row["state"]
        if mapping.is_legal(entity, found):
            return found, None
        told = mapping.meaning(entity, found)
        is_renamed = told.kind == "rename"
        self.note(
            f"illegal-{entity}-state",
            kept(found),
            action="renamed" if is_renamed and entity != "tier" else None,
            why=told.why,
        )
        return (told.to if is_renamed else None), mapping.recorded(found, told)

    def taken(self, model: type[BaseModel], columns: Mapping[str, str]) -> dict[str, Any]:
        """Fields of a model, each from its column, where the model takes what is in it."""
        made = {}
        for name, column in columns.items():
            value = self.row[column]
            if value is None or is_below_zero(value):
                continue
            if fits(model, name, value):
                made[name] = value
            else:
                self.note("value-not-usable", kept(value), column=column)
        return made


def instead_of(table: str, column: str) -> Action:
    """What is done about a count below zero."""
    if table == "tiers":
        return "kept"
    return "default-used" if column in LIMITS else "read-as-zero" if column in SUMMED else "kept"


def is_below_zero(value: Any) -> bool:
    """Whether a counter counts less than nothing."""
    return isinstance(value, (int, float)) and value < 0


def fits(model: type[BaseModel], name: str, value: Any) -> bool:
    """Whether a field of the model takes this value."""
    if isinstance(value, str) and unkept_text(value):
        return False
    try:
        model(**{name: value})
    except ValidationError as error:  # of other fields too, which are not asked for here
        return all(each["loc"][0] != name for each in error.errors())
    return True
