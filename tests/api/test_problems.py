"""Whatever is refused is answered in one form, with a status of its own and a remedy."""

import re
from collections import Counter
from dataclasses import fields
from typing import Any

import pytest

from api.problems import LOOK_AT, STATUS
from domain import refusals
from domain.refusals import Refusal
from tests.api.client import HOST, Client, refused
from tests.api.conftest import Serve

PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*\Z")
"""What a path may consist of (RFC 3986)."""

KINDS = [kind for kind in refusals.every() if not kind.__subclasses__()]
"""Every kind of refusal that is one, and not a family of several."""


def made(kind: type[Refusal]) -> Refusal:
    """A refusal of this kind, with facts of the right shape."""
    shapes: dict[str, Any] = {"int": 1, "list[str]": ["a"], "dict[str, str | None]": {"p1": "QUEUED"}}
    errors = [{"pointer": "/a", "in": "query", "name": "a", "detail": "no"}]
    facts: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # all are dataclasses
        written = str(getattr(field.type, "__name__", field.type) if field.type in (int, str) else field.type)
        facts[field.name] = errors if field.name == "errors" else shapes.get(written, "a")
    return kind(**facts)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_refusal_can_be_told(kind: type[Refusal]) -> None:
    """Every kind of refusal has a code, a title, a sentence that says what is the matter, and a remedy."""
    refusal = made(kind)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", refusal.code)
    for text in (refusal.title, refusal.detail, refusal.remedy):
        assert len(text.split()) > 1
    assert refusal.remedy.endswith(".")


def test_every_refusal_has_one_status() -> None:
    """The map of statuses holds every kind of refusal and nothing else, each an error, each code once."""
    assert STATUS.keys() == set(KINDS)
    assert {status for status in STATUS.values() if not 400 <= status < 600} == set()
    assert [code for code, times in Counter(kind.code for kind in KINDS).items() if times > 1] == []
    assert LOOK_AT.keys() <= STATUS.keys()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/runs", ["GET", "POST"]),
        ("PUT", "/v1/runs/a", ["GET"]),
        ("PATCH", "/v1/runs/a/events", ["GET", "POST"]),
        ("DELETE", "/v1/events", ["GET", "POST"]),
        ("POST", "/v1/refusals", ["GET"]),
        ("GET", "/v1/runs/a/phases", ["POST"]),
        ("POST", "/openapi.json", ["GET"]),
        ("BREW", "/livez", ["GET"]),
    ],
)
def test_another_method_is_refused_with_those_that_are_taken(
    sqlite_client: Client, method: str, path: str, allowed: list[str]
) -> None:
    """A path that does not take the method says which it takes, in the header too."""
    answer = sqlite_client.request(method, path)
    told = refused(answer, 405, "method-not-allowed")
    assert [each for each in told["allowed"] if each != "HEAD"] == allowed
    assert answer.headers["allow"] == ", ".join(told["allowed"])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/runs",
        "/v1/run",
        "/v1/runs/a/b/c",
        "//v1/runs",
        "/V1/RUNS",
        "/v1%2F%2Fruns",
        "/favicon.ico",
    ],
)
def test_a_path_that_nothing_is_at_is_refused(sqlite_client: Client, path: str) -> None:
    """What is no call is not found, and the answer leads to the list of all calls."""
    for method in ("GET", "POST", "DELETE"):
        told = refused(sqlite_client.request(method, f"{HOST}{path}"), 404, "no-such-call")
        assert sqlite_client.read(told["call"]["path"])["openapi"]


@pytest.mark.parametrize("path", ["/v1/runs/", "/livez/", "/v1/events/", "/docs/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_with_a_slash_more_is_refused(sqlite_client: Client, method: str, path: str) -> None:
    """A stray slash is refused like any slip: an answer that points elsewhere would pass for a success."""
    refused(sqlite_client.request(method, path), 404, "no-such-call")


@pytest.mark.parametrize("path", ["/v1/runs/a b", "/v1/runs/%00", "/v1/runs/%FF", "/nothing/%22%3C%3E", "/é"])
def test_the_instance_is_a_path(sqlite_client: Client, path: str) -> None:
    """A problem says at which path it came up, in the form of a URI, whatever was asked for."""
    instance = sqlite_client.get(path).json()["instance"]
    assert PATH.match(instance), instance


def test_a_body_that_is_too_large_is_refused(serve: Serve) -> None:
    """Beyond the limit nothing is read, whether the length was said beforehand or not."""
    with serve("sqlite", body_bytes_max=1_024) as client:
        run_id, json = client.create(), {"Content-Type": "application/json"}
        fits = b'{"type": "run.held"}'.ljust(1_024)
        assert client.post(f"/v1/runs/{run_id}/events", content=fits, headers=json).status_code == 201
        pieces = (b" " * 100 for _ in range(11))
        for content in (fits + b" ", pieces):
            answer = client.post(f"/v1/runs/{run_id}/events", content=content, headers=json)
            assert refused(answer, 413, "body-too-large")["bytes_max"] == 1_024
        assert client.read(f"/v1/runs/{run_id}")["version"] == 2
