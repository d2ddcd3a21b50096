"""Claims: the phase that has waited longest goes to one executor, and to no other."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from api import commands
from api.book import Book
from api.commands import Asked, Command
from api.leases.wanted import Claim
from domain.envelopes import Proposal
from domain.events.phase import PhaseStarted
from domain.judge import startable
from domain.proposals import validated
from domain.refusals import LeaseTooLong, Refusal
from domain.values import keep


def claim(body: Mapping[str, Any], asked: Asked, lease_seconds_max: int) -> Command:
    """The command that starts the phase that has waited longest; none where none may start."""
    try:
        keep(body)
        wanted = validated(Claim, body)
        if wanted.lease_seconds > lease_seconds_max:
            raise LeaseTooLong(wanted.lease_seconds, lease_seconds_max)
    except Refusal as refusal:
        return commands.refused(body, asked, refusal)
    return commands.planned_in(partial(chosen, wanted), body, asked)


def chosen(wanted: Claim, book: Book) -> Sequence[Proposal]:
    """The start of the oldest phase that may start, also after what this transaction has done so far."""
    started = PhaseStarted(executor=wanted.executor, lease_seconds=wanted.lease_seconds)
    for run_id, phase_id in book.startable(wanted.labels):
        run = book.run(run_id)
        is_wanted = wanted.labels.items() <= run.labels.items()
        if is_wanted and phase_id in (phase.phase_id for phase in startable(run)):
            return [Proposal(run_id=run_id, event=started, phase_id=phase_id)]
    return []
