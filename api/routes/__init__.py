"""The HTTP interface, one file a resource."""

from fastapi import APIRouter

from api.routes import (
    docs,
    events,
    export,
    health,
    history,
    leases,
    machine,
    quarantine,
    refusals,
    repairs,
    replay,
    runs,
    schemas,
    seals,
    stats,
    story,
    stream,
    webhooks,
)

# Routes are tried in order: the ones that executors call most come first.
ALL: tuple[APIRouter, ...] = (
    events.router,
    stream.router,
    runs.router,
    leases.router,
    story.router,
    history.router,
    export.router,
    stats.router,
    refusals.router,
    quarantine.router,
    repairs.router,
    seals.router,
    webhooks.router,
    machine.router,
    schemas.router,
    replay.router,
    health.router,
    docs.router,
)

__all__ = ["ALL"]
