"""What documents the interface: for programs, and as a page that loads nothing from elsewhere."""

from functools import cache
from pathlib import Path

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from api.unchanged import unchanged

router = APIRouter(include_in_schema=False)

ASSETS = Path(__file__).parent.parent / "static" / "swagger-ui"
# A page without an icon of its own has the browser ask for one.
ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """Every call, for programs."""
    return unchanged(request, orjson.dumps(request.app.openapi()), "application/json")


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Every call, to read and to try."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Runnotary",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url=ICON,
        swagger_ui_parameters={"validatorUrl": None, "tryItOutEnabled": True},
    )


@router.get("/docs/swagger-ui-bundle.js")
async def script(request: Request) -> Response:
    """The program of the page."""
    return asset("swagger-ui-bundle.js", "text/javascript", request)


@router.get("/docs/swagger-ui.css")
async def style(request: Request) -> Response:
    """The looks of the page."""
    return asset("swagger-ui.css", "text/css", request)


def asset(name: str, media_type: str, request: Request) -> Response:
    """A file of the page, unless the browser has it."""
    return unchanged(request, read(name), media_type)


@cache
def read(name: str) -> bytes:
    """What a file holds."""
    return (ASSETS / name).read_bytes()
