"""Every reading or writing command is an HTTP call: to a server, or to the application in this process.

One way in for both, so that a command does the same and refusals read the same, wherever it is sent.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from getpass import getuser
from typing import TYPE_CHECKING, Any, Literal

import typer

from api.cli.output import fail
from api.cli.refused import tell

if TYPE_CHECKING:  # it costs time to import
    import httpx2

    from api.ledger import Ledger

ANSWER_SECONDS = 30
IN_PROCESS = "http://127.0.0.1"

DatabaseIs = Literal["there", "made", "unused"]
"""Whether a command needs a database that is there, makes one where there is none, or needs none."""


@dataclass(frozen=True)
class Service:
    """What answers the calls of a command."""

    client: "httpx2.AsyncClient"
    runner: asyncio.Runner
    options: tuple[str, ...]
    """What a further command needs to be sent to the same place."""
    ledger: "Ledger | None" = None
    """The ledger of this process, where no server is called and a database is used."""

    def get(self, path: str, **params: Any) -> "httpx2.Response":
        """Read something; parameters that are None or empty are left out."""
        given = {name: value for name, value in params.items() if value}
        return self.call("GET", path, params=given or None)  # {} would take away what the path has of them

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> "httpx2.Response":
        """Have something recorded."""
        return self.call("POST", path, json=body, headers=headers)

    def ask(self, path: str, body: Mapping[str, Any]) -> "httpx2.Response":
        """Have something judged that is not recorded."""
        return self.call("POST", path, json=body, is_reading=True)

    def call(self, method: str, path: str, *, is_reading: bool = False, **request: Any) -> "httpx2.Response":
        """Send a call and give its answer back; a refusal is printed, and ends the command."""
        with self._told("GET" if is_reading else method):
            answer = self.runner.run(self.client.request(method, path, **request))
        return self._checked(answer)

    def lines(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """Have something done that takes its time: the JSON values that it tells, line by line."""
        request = self.client.build_request(
            "POST", path, json=body, headers={"Accept": "application/x-ndjson"}, timeout=None
        )
        with self._told("POST"):
            answer = self.runner.run(self.client.send(request, stream=True))
            self.runner.run(self.streamed(answer, "application/x-ndjson"))
            told = answer.aiter_lines()
            while (line := self.runner.run(anext(told, None))) is not None:
                yield json.loads(line)

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """The pages of a list, from the one that is asked for to the last."""
        next_path: str | None = path
        while next_path is not None:
            answer = self.get(next_path, **params)
            yield answer.json()
            next_path, params = answer.links.get("next", {}).get("url"), {}

    async def streamed(self, answer: "httpx2.Response", media_type: str) -> None:
        """See that an answer is a stream of this kind; a refusal is printed, and ends the command."""
        if answer.headers.get("content-type", "").partition(";")[0] != media_type:
            await answer.aread()
            self._checked(answer)
            fail(f"{self.client.base_url} answers with no stream: it is no Runnotary, or an older one.")

    def file(self, path: str, **params: Any) -> Iterator[bytes]:
        """Read a file, piece by piece as it comes."""
        given = {name: value for name, value in params.items() if value}
        request = self.client.build_request("GET", path, params=given)
        with self._told("GET"):
            answer = self.runner.run(self.client.send(request, stream=True))
            if answer.status_code != 200 or "content-disposition" not in answer.headers:  # noqa: PLR2004  # no file
                self.runner.run(answer.aread())
                self._checked(answer)
                fail(f"{self.client.base_url} answers with no file: that is no Runnotary.")
            pieces = answer.aiter_bytes()
            while (piece := self.runner.run(anext(pieces, None))) is not None:
                yield piece

    @contextmanager
    def _told(self, method: str) -> Iterator[None]:
        """A service that cannot be reached is told in one line, and ends the command."""
        import httpx2

        try:
            yield
        except httpx2.UnsupportedProtocol:
            raise typer.BadParameter("write it as http://127.0.0.1:8000", param_hint="--server") from None
        except httpx2.TransportError as error:
            fail(self._unreachable(method, error))

    def _checked(self, answer: "httpx2.Response") -> "httpx2.Response":
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind == "application/problem+json":
            tell(answer.json(), self.options)
            raise typer.Exit(1)
        if answer.status_code >= 300 or kind == "text/html":  # noqa: PLR2004  # neither done nor refused
            fail(f"{self.client.base_url} answers {answer.status_code} {kind}: that is no Runnotary.")
        return answer

    def _unreachable(self, method: str, error: Exception) -> str:
        import httpx2

        if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
            return (
                f"Nothing answers at {self.client.base_url}. Start it with `runnotary serve`, or leave "
                "--server and RUNNOTARY_SERVER out to use the database directly."
            )
        lost = f"{self.client.base_url} did not answer ({type(error).__name__})."
        if method == "GET":
            return f"{lost} See whether it still runs, and ask again."
        return f"{lost} It may be recorded, or not: read the run, or send it again with the same --key."


def server_of(server: str | None, database: str | None) -> str | None:
    """The server to call, where one is wanted; else the database is used directly."""
    if server is not None and database is not None:
        raise typer.BadParameter("name a server or a database, not both", param_hint="--server")
    return server or os.environ.get("RUNNOTARY_SERVER") if database is None else None


@contextmanager
def service(server: str | None, database: str | None, database_is: DatabaseIs = "there") -> Iterator[Service]:
    """The service that a command talks to, for as long as it does."""
    options = ("--server", server) if server else ("--database", database) if database else ()
    server = server_of(server, database)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            if server:
                yield Service(runner.run(connected(stack, server)), runner, options)
            else:
                client, ledger = in_process(runner, stack, database, database_is)
                yield Service(client, runner, options, ledger)
        finally:
            runner.run(stack.aclose())


async def connected(stack: AsyncExitStack, base_url: str, **how: Any) -> "httpx2.AsyncClient":
    """A client; it goes past proxies, since a service that authenticates nobody is on this machine."""
    import httpx2

    try:
        client = httpx2.AsyncClient(base_url=base_url, timeout=ANSWER_SECONDS, trust_env=False, **how)
    except httpx2.InvalidURL as error:
        raise typer.BadParameter(str(error), param_hint="--server") from None
    return await stack.enter_async_context(client)


def in_process(
    runner: asyncio.Runner, stack: AsyncExitStack, database: str | None, database_is: DatabaseIs
) -> "tuple[httpx2.AsyncClient, Ledger | None]":
    """A client of the application in this process, over the database itself, and its ledger."""
    import httpx2

    from api.app import create_app
    from api.cli.database import settings_for, usable

    # Only what makes a database brings it up to date: reading one must not change it.
    settings = settings_for(database, there=database_is == "there")
    if database_is == "there":
        settings = settings.model_copy(update={"migrate": False})
    app = create_app(settings)
    if database_is != "unused":
        with usable():
            runner.run(stack.enter_async_context(app.router.lifespan_context(app)))
    client = runner.run(connected(stack, IN_PROCESS, transport=httpx2.ASGITransport(app)))
    return client, getattr(app.state, "ledger", None)


def asked_by(actor: str | None, key: str | None = None) -> dict[str, str]:
    """The headers that say who asks, and under which key."""
    for option, value in (("--actor", actor), ("--key", key)):
        if value is not None and not (value.isascii() and value.isprintable()):
            raise typer.BadParameter("it travels in a header: ASCII only", param_hint=option)
    return {"X-Actor": actor or me()} | ({"Idempotency-Key": key} if key else {})


def me() -> str:
    """Who sits at the terminal, as far as that can be told."""
    try:
        user = getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return "cli"
    return f"cli:{user}" if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", user) else "cli"
