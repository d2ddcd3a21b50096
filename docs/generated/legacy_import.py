"""The page of the import: what it reports, and what it takes states for."""

from collections.abc import Iterator

from api.legacy.findings import ACTIONS, CODES
from api.legacy.mapping import MEANINGS
from api.legacy.scopes import TEXT, VALUE
from api.legacy.values import BYTES, BYTES_MAX, NUMBER, TOO_LONG
from docs.generated.markdown import code, paragraph, table

LEGACY_KINDS = {
    "rename": "Another spelling of a legal state. The state is recorded, with what was found beside it.",
    "semantic": "The word means what a legal state means, as far as anybody can say from here. That state "
    "is suggested, and a person decides.",
    "ambiguous": "Several states are possible. Nothing is suggested.",
    "unknown": "Nobody knows what it means; so is every word that is not in this table.",
}


def legacy_import() -> Iterator[str]:
    """What an import reports, and what it takes the states of the older system for."""
    yield from paragraph(
        "# Legacy import",
        "`runnotary import-autopack FILE` reads the tables `runs`, `tiers` and `phases` of an SQLite "
        "database of Autopack, of whatever generation of its schema, and records what is in them. "
        "[How to do it](../how-to/import-a-legacy-database.md). This page lists what it may report.",
        "## The report",
    )
    meanings = {
        "file, sha256": "The name of the file, and the SHA-256 of its bytes.",
        "runs, tiers, phases": "How many rows the tables have.",
        "imported": "Runs of which something was recorded now. A run that only its phases or tiers know is "
        "one of them, though it has no row.",
        "unchanged": "Runs that were imported before, from this file or another, with the same rows.",
        "changed": "Runs that were imported before, and of which a row is another now. What was recorded "
        "stays.",
        "not_imported": "Runs whose id is that of a run that came about here.",
        "quarantined": "Runs and phases that were recorded without a state now: `run_id`, `phase_id`, the "
        "state `from` the row, its `kind`, and the state `to` which it is suggested to be repaired.",
        "counts": "How often each code was found.",
        "findings": "What is odd, one [finding](events.md#finding) each.",
    }
    named = ((", ".join(map(code, names.split(", "))), text) for names, text in meanings.items())
    yield from table(("Field", "Holds"), named)
    yield from paragraph(
        "## Codes",
        "A finding tells `code`, `entity`, `run_id`, `phase_id` or `tier_id` where it is about one, `field` "
        "where it is about a column, the `value` that was found, the `action` and a `detail`.",
    )
    rows = ((code(name), told.detail + ".", code(told.action)) for name, told in CODES.items())
    yield from table(("Code", "Means", "Usual action"), rows)
    yield from paragraph("## Actions")
    yield from table(("Action", "Means"), ((code(name), text) for name, text in ACTIONS.items()))
    yield from paragraph(
        "## What a state is taken for",
        "A state that is legal to the letter is recorded as it is. Of every other one this table says what "
        "it is taken for. It is looked up by entity and word, to the letter: nothing is taken for what it is "
        "merely like. The state of a tier is never recorded, for it follows from the phases.",
    )
    yield from table(("Kind", "Means"), ((code(name), text) for name, text in LEGACY_KINDS.items()))
    mapped = (
        (entity, code(word), told.kind, code(told.to) if told.to else "", told.why)
        for (entity, word), told in sorted(
            MEANINGS.items(), key=lambda each: list(LEGACY_KINDS).index(each[1].kind)
        )
    )
    yield from table(("Entity", "Found", "Kind", "State", "Because"), mapped)
    yield from paragraph(
        "## What is kept, and how",
        "Every column of every row is in the event that took it over: `legacy`, of a run also "
        f"`legacy_tiers`. A value that is none of JSON is kept as `{BYTES}` (base64) or `{NUMBER}` (text); "
        f"of one of more than {BYTES_MAX:,} bytes, `{TOO_LONG}` keeps length and SHA-256. A scope that is "
        f"no JSON is text under `{TEXT}`, one that is no object a value under `{VALUE}`, as the interface of "
        "that system showed them. A time without an offset is read as UTC, and its column named in "
        "`source.naive_times`.",
    )
