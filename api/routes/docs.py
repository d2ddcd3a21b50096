"""The page that documents the interface; it loads nothing from elsewhere."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

ASSETS = Path(__file__).parent.parent / "static" / "swagger-ui"
# A page without an icon of its own has the browser ask for one.
ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


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
    content, etag = read(name)
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(content, headers={"ETag": etag}, media_type=media_type)


@cache
def read(name: str) -> tuple[bytes, str]:
    """What a file holds, and what tells one version of it from another."""
    content = (ASSETS / name).read_bytes()
    return content, f'"{sha256(content).hexdigest()[:16]}"'
