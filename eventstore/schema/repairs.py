"""The repairs that are proposed. What became of an approved one is in the log, and needs no table."""

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from domain.described import PHASE_ID, RUN_ID, TIME, described
from domain.events.shared import Time
from domain.repairs import Status
from eventstore.schema.log import State
from eventstore.schema.names import metadata

repairs = Table(
    "repairs",
    metadata,
    Column("repair_id", Text, primary_key=True, **described("Made by the service.", "9f2c1d3e4a5b")),
    Column("run_id", Text, nullable=False, **described("The run.", RUN_ID)),
    Column("phase_id", Text, **described("The phase; null where it is about the run itself.", PHASE_ID)),
    Column(
        "version",
        Integer,
        nullable=False,
        **described("The version of the run that it is bound to: it is approved at no other.", 4),
    ),
    Column(
        "before",
        Text,
        **described("The state at that version; null in quarantine.", "EXECUTING", holds=State),
    ),
    Column(
        "state",
        Text,
        nullable=False,
        **described("The state that it is to be in.", "COMPLETE", holds=State),
    ),
    Column("reason", Text, nullable=False, **described("Why.", "The tool crashed after the merge.")),
    Column(
        "evidence",
        Text,
        nullable=False,
        **described(
            "What shows that it is right: text, or links.", ["commit 9f2c1d is in main"], as_json=list[str]
        ),
    ),
    Column("finding", Text, **described("The code of the finding that it answers.", "illegal-run-state")),
    Column(
        "preview",
        Text,
        nullable=False,
        **described(
            "What would come of it, as it was shown to whoever proposed it.",
            {"changes": [], "legal": [], "contradicts": []},
            as_json=dict[str, Any],
        ),
    ),
    Column("proposed_by", Text, nullable=False, **described("Who proposed it.", "ada")),
    Column(
        "proposed_by_verified",
        Boolean,
        nullable=False,
        **described("Whether a credential vouches for that.", example=False),
    ),
    Column("proposed_at", Text, nullable=False, **described("When.", TIME, holds=Time)),
    Column(
        "status", Text, nullable=False, **described("What became of it so far.", "approved", holds=Status)
    ),
    Column("decided_by", Text, **described("Who approved or rejected it; null before.", "grace")),
    Column(
        "decided_by_verified",
        Boolean,
        **described("Whether a credential vouches for that.", example=False),
    ),
    Column("decided_at", Text, **described("When.", TIME, holds=Time)),
    Column("decided_why", Text, **described("Why it was rejected.", "the merge was undone")),
    Column("event_version", Integer, **described("The version of its event, where it is approved.", 5)),
    Index(None, "run_id", "proposed_at"),
    Index(None, "status", "proposed_at"),
    comment="Repairs as they were proposed, and what was decided; neither exported nor restored.",
)
