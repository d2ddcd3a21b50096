"""Who is told of events, and what could not be delivered."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from domain.described import RUN_ID, TIME, described
from domain.events.shared import Id, Time
from eventstore.schema.names import Number, metadata

WEBHOOK_ID = "wh-01a202fca5a37afca3c9501bbc21081a"

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", Text, primary_key=True, **described("Its id.", WEBHOOK_ID, holds=Id)),
    Column("url", Text, nullable=False, **described("Where to.", "http://127.0.0.1:9000/runs")),
    Column(
        "types",
        Text,
        nullable=False,
        **described("The wanted event types; none: all.", ["phase.failed"], as_json=list[str]),
    ),
    Column("secret", Text, nullable=False, **described("What signs: whsec_ and base64.", "whsec_…")),
    Column("created_at", Text, nullable=False, **described("When.", TIME, holds=Time)),
    Column("created_by", Text, nullable=False, **described("Who asked for it.", "ada")),
    Column(
        "position",
        Number,
        nullable=False,
        **described("Up to here every event was delivered, or is among the letters.", 17),
    ),
    Column("held_by", Text, **described("The process that delivers for it.", "b8e1")),
    Column("held_until", Text, **described("Until when it does, unless it says so again.", TIME, holds=Time)),
    comment="Who is told of events.",
)

webhook_letters = Table(
    "webhook_letters",
    metadata,
    Column(
        "webhook_id",
        Text,
        ForeignKey("webhooks.webhook_id", ondelete="CASCADE"),
        primary_key=True,
        **described("For whom.", WEBHOOK_ID, holds=Id),
    ),
    Column("position", Number, primary_key=True, **described("The event's position.", 17)),
    Column("run_id", Text, nullable=False, **described("The event's run.", RUN_ID, holds=Id)),
    Column("status", Text, nullable=False, **described("waiting, or dead: not tried again.", "waiting")),
    Column("attempts", Integer, nullable=False, **described("How often it was tried.", 2)),
    Column("due_at", Text, nullable=False, **described("Not tried before.", TIME, holds=Time)),
    Column("why", Text, **described("What went wrong last.", "500")),
    comment="Events that could not be delivered so far, and those that wait behind them.",
)
