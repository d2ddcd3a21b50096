"""A caller of a service in this process, which sees that every refusal has the form that all have."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from httpx2 import Request, Response
from starlette.testclient import TestClient

from api.app import create_app
from api.ledger import Ledger
from api.settings import Settings

HOST = "http://127.0.0.1:8000"
PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "remedy", "request_id"}
PAGES_MAX = 50
"""More than any list of these tests has."""

_NUMBERS = count(1)


def unused(word: str = "run") -> str:
    """An id that no other test has."""
    return f"{word}-api-{next(_NUMBERS)}"


class Client(TestClient):
    """Calls a service that is set up like this, on this database."""

    def __init__(self, database_url: str, **settings: Any) -> None:
        self.service = create_app(Settings(database_url=database_url, **settings))
        self.database_url = database_url
        super().__init__(self.service, HOST, raise_server_exceptions=False, follow_redirects=False)

    @property
    def ledger(self) -> Ledger:
        """The ledger behind the service."""
        found: Ledger = self.service.state.ledger
        return found

    def build_request(self, *what: Any, **options: Any) -> Request:
        """A request whose headers may hold any byte that travels in one."""
        if isinstance(headers := options.get("headers"), dict):
            options["headers"] = {name: value.encode("latin-1") for name, value in headers.items()}
        return super().build_request(*what, **options)

    def send(self, request: Request, **options: Any) -> Response:
        """Whatever is asked, an answer is no defect, and a refusal is a problem."""
        answer = super().send(request, **options)
        assert answer.status_code != 500, (request.method, request.url, answer.text)
        if answer.status_code >= 400 and request.method != "HEAD":
            assert_problem(answer)
        return answer

    def create(self, **body: Any) -> str:
        """A new run; its id."""
        made = self.post("/v1/runs", json={"run_id": unused(), **body})
        assert made.status_code == 201, made.text
        run_id: str = made.json()["run_id"]
        return run_id

    def executing(self, *phases: str, **body: Any) -> str:
        """A new run whose phases may start; its id."""
        run_id = self.create(phases=[{"phase_id": phase_id} for phase_id in phases], **body)
        self.record(run_id, "run.execution_started")
        return run_id

    def propose(self, run_id: str, kind: str, *, headers: Any = None, **fields: Any) -> Response:
        """Propose an event."""
        return self.post(f"/v1/runs/{run_id}/events", json={"type": kind, **fields}, headers=headers)

    def record(self, run_id: str, kind: str, *, headers: Any = None, **fields: Any) -> dict[str, Any]:
        """Propose an event that is accepted; the answer."""
        answer = self.propose(run_id, kind, headers=headers, **fields)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def read(self, path: str, **parameters: Any) -> dict[str, Any]:
        """What is at this path."""
        answer = self.get(path, params=parameters or None)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def pages(self, path: str | None) -> Iterator[dict[str, Any]]:
        """One page after another, as the header Link leads; it ends, and says so in the body too."""
        for _ in range(PAGES_MAX):
            if path is None:
                return
            answer = self.get(path)
            assert answer.status_code == 200, answer.text
            page: dict[str, Any] = answer.json()
            path = next_path(answer)
            assert (path is None) == (page["next_cursor"] is None)
            yield page
        raise AssertionError(f"there is no end of pages: {path}")


def next_path(answer: Response) -> str | None:
    """Where the header Link says that the next page is."""
    found = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
    return found[1] if found else None


def assert_problem(answer: Response) -> None:
    """An answer is a problem with all that belongs to one (RFC 9457)."""
    assert answer.headers["content-type"] == PROBLEM, (answer.status_code, answer.text)
    told = answer.json()
    assert told.keys() >= MEMBERS
    assert told["status"] == answer.status_code
    assert told["type"] == f"urn:runnotary:problem:{told['code']}"
    assert all(isinstance(told[name], str) and told[name].strip() for name in MEMBERS - {"status"}), told
    assert told["request_id"] == answer.headers["x-request-id"]
    assert len(told["detail"]) < 10_000


def refused(answer: Response, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told.get("code")) == (status, code), answer.text
    return told
