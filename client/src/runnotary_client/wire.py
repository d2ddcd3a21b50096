"""Between calls and HTTP: what is sent, what an answer means, and whether to try again."""

import json
import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx2
import pybreaker
import stamina

from runnotary_client.calls import Answer, Call
from runnotary_client.errors import (
    DEFECT,
    TOO_MANY,
    UNAVAILABLE,
    NotSupported,
    RunnotaryError,
    Unavailable,
    Unreachable,
    refusal,
)

# It warns of every try that comes again; who wants to read that configures logging.
logging.getLogger("stamina").addHandler(logging.NullHandler())

PROBLEM = "application/problem+json"
TOLD = {"code": str, "status": int, "detail": str}
"""What every problem of the service says."""
NO_CONTENT, NOT_MODIFIED = 204, 304
LISTENING = httpx2.Timeout(10.0, read=60.0)
"""How long a stream may be silent, its signs of life included."""

CIRCUIT_FAILURES = 5
CIRCUIT_SECONDS = 10.0


class Patience(NamedTuple):
    """How long a call is tried."""

    answer_seconds: float = 10.0
    """Longest that one try waits for an answer."""
    tries: int = 4
    seconds: float = 30.0
    """Once so much time has gone by, no further try is begun."""

    def worth_it(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds. A refusal is final."""
        if isinstance(error, (httpx2.UnsupportedProtocol, Unreachable)):
            return False  # no address, or an open circuit
        if isinstance(error, Unavailable) and error.retry_after is not None:
            # A little later than asked, so that not all who wait come back at one moment.
            wait = error.retry_after * random.uniform(1, 1.25)  # noqa: S311  # no secret
            return wait if wait <= self.seconds else False
        return isinstance(error, (httpx2.TransportError, Unavailable))

    def attempts(self, *, patiently: bool) -> Any:  # stamina has no public name for it
        """The tries, to be gone through with `for` or with `async for`."""
        return stamina.retry_context(
            on=self.worth_it, attempts=self.tries if patiently else 1, timeout=self.seconds, wait_max=5.0
        )


class Circuit:
    """Open while the service does not answer; half open after a while, to see whether it does again."""

    def __init__(self) -> None:
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=CIRCUIT_FAILURES,
            reset_timeout=CIRCUIT_SECONDS,
            exclude=[lambda error: not isinstance(error, httpx2.TransportError)],
            throw_new_error_on_trip=False,
        )

    @contextmanager
    def closed(self, call: Call) -> Iterator[None]:
        """One try of a call.

        Raises:
            Unreachable: so many failed one after another that this one is not made.
        """
        if call.is_probe and self._breaker.current_state == pybreaker.STATE_OPEN:
            self._breaker.half_open()
        try:
            with self._breaker.calling():
                yield
        except pybreaker.CircuitBreakerError:
            raise Unreachable(
                f"Not asked: {CIRCUIT_FAILURES} calls in a row had no answer. "
                f"The next try is made {CIRCUIT_SECONDS:g} s after the last."
            ) from None


def request_of(
    http: httpx2.Client | httpx2.AsyncClient, call: Call, timeout: httpx2.Timeout | None = None
) -> httpx2.Request:
    """A call as a request."""
    content = None if call.body is None else json.dumps(call.body, allow_nan=False).encode()
    headers = dict(call.headers) | ({"Content-Type": "application/json"} if content is not None else {})
    params = {name: value for name, value in call.params.items() if value is not None}
    return http.build_request(
        call.method,
        call.path,
        params=params,
        headers=headers,
        content=content,
        timeout=timeout or http.timeout,
    )


def read(response: httpx2.Response) -> Answer:
    """What a response says; its body has been read.

    Raises:
        Refused: no.
        Unavailable: neither yes nor no.
        NotSupported: whoever answers is no Runnotary.
    """
    status = response.status_code
    if (problem := problem_of(response)) is not None and status not in {TOO_MANY, UNAVAILABLE}:
        raise refusal(problem)
    if problem is not None or status == TOO_MANY or status >= DEFECT:
        said = f"{problem['code']}: {problem['detail']}" if problem else f"{response.url} answers {status}."
        raise Unavailable(said, problem, seconds_of(response.headers.get("retry-after")))
    if status in {NO_CONTENT, NOT_MODIFIED}:
        return Answer(status, response.headers, None)
    kind = response.headers.get("content-type", "").partition(";")[0]
    if not response.is_success or kind not in {"application/json", "text/event-stream"}:
        raise NotSupported(
            f"{response.url} answers {status} {kind or 'without a body'}: that is no Runnotary."
        )
    body = object_of(response) if kind == "application/json" else None
    if kind == "application/json" and body is None:
        raise NotSupported(f"{response.url} answers {status} with no JSON object: that is no Runnotary.")
    return Answer(status, response.headers, body)


def problem_of(response: httpx2.Response) -> Mapping[str, Any] | None:
    """The problem that a response is, if it is one of the service's own."""
    if response.headers.get("content-type", "").partition(";")[0] != PROBLEM:
        return None
    told = object_of(response)
    is_one = told is not None and all(isinstance(told.get(name), kind) for name, kind in TOLD.items())
    return told if is_one else None


def object_of(response: httpx2.Response) -> Mapping[str, Any] | None:
    """The JSON object that a response holds; None where it holds something else, or only a part of one."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def seconds_of(retry_after: str | None) -> float | None:
    """What the header Retry-After says: seconds, or a moment (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)  # "-0000" (RFC 5322, 3.3)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def no_address(url: str) -> NotSupported:
    """What a URL means to the caller that leads nowhere."""
    return NotSupported(f"{url} is no address of a service; write it as http://127.0.0.1:8000")


def unreachable(url: str, error: Exception) -> RunnotaryError:
    """What a failed connection means to the caller."""
    if isinstance(error, httpx2.UnsupportedProtocol):
        return no_address(url)
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return Unreachable(f"Nothing answers at {url}.")
    return Unreachable(
        f"{url} did not answer ({type(error).__name__}). It may be recorded, or not: "
        "the same call with the same key is recorded once."
    )
