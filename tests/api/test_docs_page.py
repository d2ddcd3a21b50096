"""The page that documents the interface works on a machine that reaches no other."""

import json
import re
from html.parser import HTMLParser

import pytest

from tests.api.client import Client, refused

ASSETS = {"/docs/swagger-ui-bundle.js": "text/javascript", "/docs/swagger-ui.css": "text/css"}


class Loaded(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]


def test_the_page_names_no_other_host(sqlite_client: Client) -> None:
    """Everything that the page loads is a path of this service, and it is there."""
    answer = sqlite_client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Loaded()
    page.feed(answer.text)
    assert {path for path in page.found if not path.startswith("data:")} == ASSETS.keys()
    text = re.sub(r'"data:[^"]*"|http://www\.w3\.org/2000/svg', "", answer.text)
    assert not re.search(r"(?:https?:)?//[a-z0-9]", text), text


def test_the_page_reads_the_document_of_this_service(sqlite_client: Client) -> None:
    """The page shows this service's own OpenAPI document, and has nobody else look at it."""
    text = sqlite_client.get("/docs").text
    url = re.search(r"url: *['\"]([^'\"]+)['\"]", text)
    assert url is not None
    assert sqlite_client.read(url[1])["info"]["title"] == "Runnotary"
    assert re.search(r'"?validatorUrl"?: *null', text)


@pytest.mark.parametrize("path", ASSETS)
def test_the_assets_are_served(sqlite_client: Client, path: str) -> None:
    """The program and the looks of the page are whole, of their kind, and ask no other host for anything."""
    answer = sqlite_client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == ASSETS[path]
    assert len(answer.content) > 50_000
    if path.endswith(".css"):
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", answer.text)
    again = sqlite_client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code in (200, 304)


@pytest.mark.parametrize("wanted", ["bytes=abc", "bytes=99999999999-", "lines=1-2", "bytes=5-1", "bytes="])
def test_an_odd_range_is_no_reason_for_another_kind_of_answer(sqlite_client: Client, wanted: str) -> None:
    """A range that makes no sense is ignored or refused as everything is: with a problem."""
    answer = sqlite_client.get("/docs/swagger-ui.css", headers={"Range": wanted})
    assert answer.status_code in (200, 206, 416)


@pytest.mark.parametrize(
    "path", ["/docs/x", "/docs/../edge.py", "/docs/..%2f..%2fedge.py", "/docs/LICENSE", "/redoc"]
)
def test_the_page_serves_nothing_else(sqlite_client: Client, path: str) -> None:
    """No other file is reached through the page."""
    refused(sqlite_client.get(path), 404, "no-such-call")


def test_the_document_is_json(sqlite_client: Client) -> None:
    """The OpenAPI document is served as JSON, the same each time."""
    answers = [sqlite_client.get("/openapi.json") for _ in range(2)]
    assert answers[0].headers["content-type"] == "application/json"
    assert answers[0].content == answers[1].content
    assert json.loads(answers[0].content)["openapi"].startswith("3.1.")
