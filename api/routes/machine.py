"""The machine: which states there are, and what leads from one to another."""

from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from api.diagram import mermaid
from api.requests import no_parameters
from api.routes.documents import answers
from api.shapes_of_moves import Machines, MachineShown
from api.unchanged import unchanged
from api.views import machine_view
from domain.moves import Entity

router = APIRouter(prefix="/v1/machine", tags=["machine"], dependencies=[Depends(no_parameters)])

DIAGRAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "A Mermaid state diagram", "content": {"text/plain": {}}}
}


@router.get("", responses=answers({200: Machines, 304: None}))
async def get_machines(request: Request) -> Response:
    """The states and moves of runs and phases."""
    machines = {"run": machine_view("run"), "phase": machine_view("phase")}
    return unchanged(request, orjson.dumps(machines), "application/json")


@router.get("/{entity}.mermaid", response_class=PlainTextResponse, responses=answers({}) | DIAGRAM)
async def get_diagram(entity: Entity) -> Response:
    """The moves as a Mermaid state diagram."""
    return Response(mermaid(entity), media_type="text/plain; charset=utf-8")


@router.get("/{entity}", responses=answers({200: MachineShown, 304: None}))
async def get_machine(entity: Entity, request: Request) -> Response:
    """The states and moves of runs, or of phases."""
    return unchanged(request, orjson.dumps(machine_view(entity)), "application/json")
