"""Answers that change with the program only: whoever has one is told so, and not told it again."""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response


def unchanged(request: Request, content: bytes, media_type: str) -> Response:
    """The content, with what tells one version of it from another; 304 to whoever has this one."""
    etag = f'"{sha256(content).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(content, headers={"ETag": etag}, media_type=media_type)
