"""The tables of the log. What may be in them is in `eventstore.guards`.

What a table or a column holds is said where it is made and nowhere else: the database itself and the
reference are told (`eventstore.documentation`).
"""

from eventstore.schema.beside import commands, heartbeats, refusals, schema_documentation, seals
from eventstore.schema.log import events, legal_moves
from eventstore.schema.names import Number, metadata
from eventstore.schema.repairs import repairs
from eventstore.schema.webhooks import webhook_letters, webhooks

__all__ = [
    "Number",
    "commands",
    "events",
    "heartbeats",
    "legal_moves",
    "metadata",
    "refusals",
    "repairs",
    "schema_documentation",
    "seals",
    "webhook_letters",
    "webhooks",
]
