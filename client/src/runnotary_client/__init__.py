"""What executors use to report to Runnotary.

from runnotary_client import Client

with Client(actor="builder-7", spool="unsent.db") as client:
    with client.run(goal="Predict output sizes") as run:
        with run.phase("build") as attempt:
            attempt.submit({"files_changed": ["src/predictor.py"]})
            attempt.complete()
"""

from runnotary_client.attempts import AsyncAttempt, Attempt
from runnotary_client.clients import AsyncClient, Client
from runnotary_client.errors import (
    AlreadyExists,
    Defect,
    IllegalMove,
    Invalid,
    NotFound,
    NotSupported,
    Quarantined,
    Refused,
    RunnotaryError,
    RunOver,
    StaleAttempt,
    Unavailable,
    Unreachable,
    VersionMismatch,
)
from runnotary_client.link import Delivery, Report
from runnotary_client.runs import AsyncRun, Run
from runnotary_client.shapes import Event, NewPhase, NewTier, Phase, RunShown
from runnotary_client.spool import Kept, Spool, SpoolUnusable
from runnotary_client.wire import Patience

__all__ = [
    "AlreadyExists",
    "AsyncAttempt",
    "AsyncClient",
    "AsyncRun",
    "Attempt",
    "Client",
    "Defect",
    "Delivery",
    "Event",
    "IllegalMove",
    "Invalid",
    "Kept",
    "NewPhase",
    "NewTier",
    "NotFound",
    "NotSupported",
    "Patience",
    "Phase",
    "Quarantined",
    "Refused",
    "Report",
    "Run",
    "RunOver",
    "RunShown",
    "RunnotaryError",
    "Spool",
    "SpoolUnusable",
    "StaleAttempt",
    "Unavailable",
    "Unreachable",
    "VersionMismatch",
]
