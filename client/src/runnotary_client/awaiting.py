"""The driver that does what the core asks for while its caller awaits."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import httpx2

from runnotary_client import effects
from runnotary_client.calls import Answer, Call
from runnotary_client.effects import Effect, Steps
from runnotary_client.link import Link
from runnotary_client.wire import LISTENING, read, request_of, unreachable

T = TypeVar("T")


class Awaiting:
    """Sends with httpx2, waits with asyncio."""

    def __init__(self, link: Link, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.link = link
        self._http = httpx2.AsyncClient(
            base_url=link.url, timeout=link.patience.answer_seconds, transport=transport, trust_env=False
        )

    async def perform(self, steps: Steps[T]) -> T:
        """Do these steps; what they come to."""
        step: Callable[[], Effect] = partial(next, steps)
        while True:
            try:
                effect = step()
            except StopIteration as end:
                done: T = end.value
                return done
            step = await self._done(steps, effect)

    async def iterate(self, steps: Steps[None]) -> AsyncGenerator[Any, None]:
        """Do these steps, and hand on what they give."""
        step: Callable[[], Effect] = partial(next, steps)
        lines = Lines(self._http)
        try:
            while True:
                try:
                    effect = step()
                except StopIteration:
                    return
                if isinstance(effect, effects.Give):
                    yield effect.item
                    step = partial(steps.send, None)
                else:
                    step = await self._done(steps, effect, lines)
        finally:
            await lines.close()
            steps.close()

    async def _done(
        self, steps: Steps[Any], effect: Effect, lines: "Lines | None" = None
    ) -> Callable[[], Effect]:
        try:
            done = await self._do(effect, lines)
        except BaseException as error:  # noqa: BLE001  # the steps say what comes of it
            return partial(steps.throw, error)
        return partial(steps.send, done)

    async def _do(self, effect: Effect, lines: "Lines | None") -> Any:  # noqa: PLR0911  # one for each effect
        match effect:
            case effects.Send(call, patiently):
                return await self._told(self._tried(call, patiently=patiently))
            case effects.Local(do):
                return await asyncio.to_thread(do)
            case effects.Wait(seconds):
                return await asyncio.sleep(seconds)
            case effects.Spawn(steps):
                return asyncio.create_task(self.perform(steps))
            case effects.Stop(asyncio.Task() as task):
                task.cancel()
                return await asyncio.wait([task])
            case effects.Listen(call) if lines is not None:
                return await self._told(lines.open(call))
            case effects.NextLine() if lines is not None:
                return await self._told(lines.next())
            case effects.Close():
                return await self._http.aclose()
            case _:
                raise AssertionError(effect)

    async def _tried(self, call: Call, *, patiently: bool) -> Answer:
        async for attempt in self.link.patience.attempts(patiently=patiently):
            with attempt, self.link.circuit.closed(call):
                return read(await self._http.send(request_of(self._http, call)))
        raise AssertionError(call)  # the last attempt raises

    async def _told(self, done: Awaitable[T]) -> T:
        try:
            return await done
        except httpx2.TransportError as error:
            self.link.discovery.is_fresh = False
            raise unreachable(self.link.url, error) from error


class Lines:
    """One stream of lines at a time."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._response: httpx2.Response | None = None
        self._lines: AsyncIterator[str] | None = None

    async def open(self, call: Call) -> Answer:
        """Begin to read from this call."""
        await self.close()
        request = request_of(self._http, call, LISTENING)
        self._response = await self._http.send(request, stream=True)
        if not self._response.is_success:
            await self._response.aread()
        answer = read(self._response)
        self._lines = self._response.aiter_lines()
        return answer

    async def next(self) -> str | None:
        """The next line; None at the end."""
        return await anext(self._lines, None) if self._lines is not None else None

    async def close(self) -> None:
        """Read no more."""
        if self._response is not None:
            await self._response.aclose()
