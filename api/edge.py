"""The outermost layer of every request: its id, its host, the size of its body, and whatever fails."""

import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from api.http_refusals import BodyTooLarge, HostNotAllowed, InternalError
from api.problems import answer
from domain.naming import is_id
from domain.refusals import Refusal

LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?\Z", re.IGNORECASE)
"""Names that a service that authenticates nobody answers to; another one is a page that was led here."""

log = structlog.get_logger()


class Edge:
    """ASGI middleware; FastAPI's own leaves refusals as text, and closes the connection after a defect."""

    def __init__(self, app: ASGIApp, *, body_bytes_max: int) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if is_id(given) else str(uuid7())
        scope.setdefault("state", {})["request_id"] = request_id
        started = False
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._body_bytes_max:
                raise BodyTooLarge(self._body_bytes_max)
            return message

        async def named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            self._admit(headers)
            await self._app(scope, counted, named)
        except Refusal as refusal:
            response = answer(refusal, instance=Request(scope).url.path, request_id=request_id)
            await response(scope, receive, named)
        except ClientDisconnect:
            pass  # whoever asked has gone, and nobody is left to answer
        except Exception:
            log.exception("request failed", request_id=request_id, path=scope["path"])
            if started:
                raise
            failed = answer(
                InternalError(request_id), instance=Request(scope).url.path, request_id=request_id
            )
            await failed(scope, receive, named)

    def _admit(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not LOOPBACK.match(hosts[0]):
            raise HostNotAllowed(", ".join(hosts))
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._body_bytes_max:
            raise BodyTooLarge(self._body_bytes_max)
