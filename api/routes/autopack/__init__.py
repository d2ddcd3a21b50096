"""The calls of Autopack's executor, in its paths and shapes; only where they are switched on."""

from fastapi import APIRouter

from api.routes.autopack import approvals, phases, reports, runs

ALL: tuple[APIRouter, ...] = (reports.router, runs.router, phases.router, approvals.router)

__all__ = ["ALL"]
