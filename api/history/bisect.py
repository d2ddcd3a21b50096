"""When an expression became true of a run.

Not by halving: an expression may hold, cease to hold and hold again (a run enters GATE three times), and
halving would find any of these. So every version is looked at, in order.
"""

from collections.abc import Sequence
from typing import Any

from api.history.expression import Expression
from api.history.follow import follow
from api.views import brief_view
from domain.envelopes import RecordedEvent


def bisect(history: Sequence[RecordedEvent], expression: Expression) -> dict[str, Any]:
    """The first version at which it holds, the event that made it so, and the last one where it does not.

    Raises:
        InvalidExpression: it makes no sense of the run at some version.
    """
    first: RecordedEvent | None = None
    last_without: int | None = None
    for seen in follow(history):
        if not expression.holds(seen.view, seen.event.version):
            last_without = seen.event.version
        elif first is None:
            first = seen.event
    current = history[-1].version
    return {
        "run_id": history[-1].run_id,
        "expr": expression.text,
        "current_version": current,
        "version": first.version if first else None,
        "event": brief_view(first) if first else None,
        "last_version_without": last_without,
        "holds_now": last_without != current,
        "unfound": expression.unfound,
    }
