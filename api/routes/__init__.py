"""The HTTP interface, one file a resource."""

from fastapi import APIRouter

from api.routes import (
    approvals,
    autopack,
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
from api.settings import Settings

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
    approvals.router,
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


def of_service(settings: Settings) -> tuple[APIRouter, ...]:
    """What a service that is set up like this answers."""
    return (*ALL, *autopack.ALL) if settings.autopack_api else ALL
