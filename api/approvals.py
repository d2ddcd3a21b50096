"""Requests for approval: who waits for an answer, and what came of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from api import commands
from api.commands import Asked
from api.committer import Committer
from domain.envelopes import Origin, Proposal
from domain.events.run import RunApprovalExpired
from domain.refusals import ApprovalNotFound
from domain.run import Run
from domain.states import ApprovalStatus
from domain.times import stamp
from projections import approvals

THE_CLOCK = Asked(origin=Origin(actor="runnotary"))
"""Nobody asks for an expiry but the time that has run out."""


class Approvals:
    """The requests for approval of a ledger.

    That the time of one ran out is recorded when somebody looks at it next: no process has to watch for it,
    and no answer is taken for in time that came too late.
    """

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Connection]],
        committer: Committer,
        clock: Callable[[], datetime],
    ) -> None:
        self._reading = reading
        self._committer = committer
        self._clock = clock

    def one(self, approval_id: int) -> dict[str, Any]:
        """A request: its number is the position of the event that asked.

        Raises:
            ApprovalNotFound: there is none.
        """
        self.expire()
        with self._reading() as connection:
            found = approvals.get(connection, approval_id)
        if found is None:
            raise ApprovalNotFound(approval_id)
        return found

    def page(self, **wanted: Any) -> list[dict[str, Any]]:  # as projections.approvals.page
        """Requests, newest first: see `projections.approvals.page`."""
        self.expire()
        with self._reading() as connection:
            return approvals.page(connection, **wanted)

    def expire(self) -> None:
        """Record of each request whose time has run out that it has."""
        with self._reading() as connection:
            overdue = approvals.overdue(connection, stamp(self._clock()))
        for run_id, approval in overdue:
            plan = partial(expired, approval=approval)
            self._committer.commit(commands.planned(run_id, plan, {"approval": approval}, THE_CLOCK))


def expired(run: Run, approval: int) -> list[Proposal]:
    """What it leads to that a request's time has run out: nothing, if it was answered meanwhile."""
    if run.approvals[approval].status != ApprovalStatus.PENDING:
        return []
    return [Proposal(run_id=run.run_id, event=RunApprovalExpired(approval=approval))]
