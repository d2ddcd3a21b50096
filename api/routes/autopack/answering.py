"""What the calls that record something have in common."""

from typing import Any

from fastapi import Request, Response

from api.autopack import views
from api.commands import Command, Outcome
from api.ledger import Ledger
from api.paging import json_answer


async def recorded(request: Request, command: Command) -> Outcome:
    """What came of a command."""
    ledger: Ledger = request.app.state.ledger
    return await ledger.committer.commit_soon(command)


def events_of(outcome: Outcome) -> list[dict[str, Any]]:
    """What a call led to, as its answer tells it."""
    events = {event.position: event for each in outcome for event in (*each.implied, each.event)}
    return views.recorded([events[position] for position in sorted(events)])


def answered(told: dict[str, Any], outcome: Outcome, status: int = 200) -> Response:
    """The answer to a call that records something."""
    is_known = not outcome or outcome[-1].replayed
    headers = {"Idempotent-Replayed": "true"} if is_known else {}
    return json_answer(told | {"events": events_of(outcome)}, status, headers)
