"""The driver that does what the core asks for in the thread of its caller."""

import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

import httpx2

from runnotary_client import effects
from runnotary_client.calls import Answer, Call
from runnotary_client.effects import Effect, Steps
from runnotary_client.link import Link
from runnotary_client.wire import LISTENING, read, request_of, unreachable

T = TypeVar("T")


class Beside(NamedTuple):
    """A thread that does some steps, and what tells it to stop."""

    thread: Thread
    stopped: Event


class Blocking:
    """Sends with httpx2, waits by sleeping."""

    def __init__(self, link: Link, transport: httpx2.BaseTransport | None = None) -> None:
        self.link = link
        self._http = httpx2.Client(
            base_url=link.url, timeout=link.patience.answer_seconds, transport=transport, trust_env=False
        )

    def perform(self, steps: Steps[T], stopped: Event | None = None) -> T:
        """Do these steps; what they come to."""
        step: Callable[[], Effect] = partial(next, steps)
        while True:
            try:
                effect = step()
            except StopIteration as end:
                done: T = end.value
                return done
            step = self._done(steps, effect, stopped)

    def iterate(self, steps: Steps[None]) -> Generator[Any, None, None]:
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
                    step = self._done(steps, effect, lines=lines)
        finally:
            lines.close()
            steps.close()

    def _done(
        self, steps: Steps[Any], effect: Effect, stopped: Event | None = None, lines: "Lines | None" = None
    ) -> Callable[[], Effect]:
        try:
            done = self._do(effect, stopped, lines)
        except BaseException as error:  # noqa: BLE001  # the steps say what comes of it
            return partial(steps.throw, error)
        return partial(steps.send, done)

    def _do(  # noqa: PLR0911  # one for each effect
        self, effect: Effect, stopped: Event | None, lines: "Lines | None"
    ) -> Any:
        match effect:
            case effects.Send(call, patiently):
                return self._send(call, patiently=patiently)
            case effects.Local(do):
                return do()
            case effects.Wait(seconds):
                return stopped.wait(seconds) if stopped else time.sleep(seconds)
            case effects.Spawn(steps):
                return self._spawn(steps)
            case effects.Stop(Beside(thread, its_stopped)):
                its_stopped.set()
                return thread.join(self.link.patience.answer_seconds)
            case effects.Listen(call) if lines is not None:
                return self._told(partial(lines.open, call))
            case effects.NextLine() if lines is not None:
                return self._told(lines.next)
            case effects.Close():
                return self._http.close()
            case _:
                raise AssertionError(effect)

    def _send(self, call: Call, *, patiently: bool) -> Answer:
        return self._told(partial(self._tried, call, patiently=patiently))

    def _tried(self, call: Call, *, patiently: bool) -> Answer:
        for attempt in self.link.patience.attempts(patiently=patiently):
            with attempt, self.link.circuit.closed(call):
                return read(self._http.send(request_of(self._http, call)))
        raise AssertionError(call)  # the last attempt raises

    def _told(self, do: Callable[[], T]) -> T:
        try:
            return do()
        except httpx2.TransportError as error:
            self.link.discovery.is_fresh = False
            raise unreachable(self.link.url, error) from error

    def _spawn(self, steps: Steps[None]) -> Beside:
        stopped = Event()

        def until_stopped(steps: Steps[None]) -> Steps[None]:
            """These steps, as far as they come until it is stopped."""
            step: Callable[[], Effect] = partial(next, steps)
            while not stopped.is_set():
                try:
                    effect = step()
                except StopIteration:
                    return
                try:
                    done = yield effect
                except Exception as error:  # noqa: BLE001  # the steps say what comes of it
                    step = partial(steps.throw, error)
                else:
                    step = partial(steps.send, done)

        thread = Thread(target=self.perform, args=(until_stopped(steps), stopped), daemon=True)
        thread.start()
        return Beside(thread, stopped)


class Lines:
    """One stream of lines at a time."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._response: httpx2.Response | None = None
        self._lines: Iterator[str] = iter(())

    def open(self, call: Call) -> Answer:
        """Begin to read from this call."""
        self.close()
        request = request_of(self._http, call, LISTENING)
        self._response = self._http.send(request, stream=True)
        if not self._response.is_success:
            self._response.read()
        answer = read(self._response)
        self._lines = self._response.iter_lines()
        return answer

    def next(self) -> str | None:
        """The next line; None at the end."""
        return next(self._lines, None)

    def close(self) -> None:
        """Read no more."""
        if self._response is not None:
            self._response.close()
