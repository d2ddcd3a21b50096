"""What `verify` says of a database."""

from typing import Any

from api.replay.report import Report
from api.replay.verify import verify
from eventstore.database import open_to_read


def verified(url: str, **how: Any) -> Report:
    """What `verify` says of a database."""
    engine = open_to_read(url)
    try:
        *_, report = verify(engine, **how)
    finally:
        engine.dispose()
    assert isinstance(report, Report)
    return report


def found(report: Report) -> set[tuple[str, int | None]]:
    """What a report says: codes and positions."""
    return {(each.code, each.position) for each in report.findings}
