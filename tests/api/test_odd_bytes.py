"""Whatever bytes stand in a path, a query or a header, the answer is one that is documented."""

import base64
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.api.client import HOST, Client, refused

ODD = {
    "NUL": b"\x00",
    "NUL inside": b"a\x00b",
    "line ends": b"a\r\nX-Evil: 1",
    "no UTF-8": b"\xff\xfe",
    "a surrogate": b"\xed\xa0\x80",
    "longer UTF-8 than needed": b"\xc0\xae\xc0\xae",
    "per cent": b"100%",
    "a wild card": b"%_",
    "quotes": b"'\";--",
    "a backslash": b"\\",
    "dots": b"..",
    "a slash": b"a/../../b",
    "letters of other alphabets": "Ωж漢🎉".encode(),
    "digits of other alphabets": b"\xef\xbc\x91\xd9\xa2",
    "control characters": bytes(range(1, 32)),
    "high bytes": bytes(range(128, 256)),
    "long": b"a" * 5_000,
    "blank": b" ",
    "markup": b"<script>alert(1)</script>",
    "a template": b"{run_id}${7*7}{{7*7}}%s%n",
}
PATHS = (
    "/v1/runs/{}",
    "/v1/runs/{}/events",
    "/v1/runs/{}/moves",
    "/v1/runs/{}/audit",
    "/v1/runs/{}/refusals",
    "/v1/runs/{}/diff",
    "/v1/runs/{}/blame",
    "/v1/runs/{}/bisect",
    "/v1/runs/{}/phases/p1",
    "/v1/runs/RUN/phases/{}",
    "/v1/repairs/{}",
    "/v1/runs/{}/phases/p1/heartbeat",
    "/v1/runs/RUN/phases/{}/heartbeat",
    "/v1/machine/{}",
    "/v1/machine/{}.mermaid",
    "/v1/schemas/{}",
    "/{}",
    "/docs/{}",
)
QUERIES = {
    "/v1/runs": ("state", "label", "q", "archived", "cursor", "limit"),
    "/v1/events": ("after", "type", "run_id", "newest", "limit"),
    "/v1/events/stream": ("type", "run_id"),
    "/v1/refusals": ("cursor", "limit"),
    "/v1/quarantine": ("run_id", "cursor", "limit"),
    "/v1/repairs": ("status", "run_id", "finding", "cursor", "limit"),
    "/v1/leases": ("overdue", "cursor", "limit"),
    "/v1/runs/RUN/events": ("after_version", "limit"),
    "/v1/runs/RUN/refusals": ("cursor", "limit"),
    "/v1/runs/RUN/moves": ("to", "phase_id"),
    "/v1/runs/RUN/audit": ("phase_id",),
    "/v1/runs/RUN": ("at_version", "at_time", "at_position"),
    "/v1/runs/RUN/diff": ("from", "to", "with"),
    "/v1/runs/RUN/blame": ("field", "phase_id", "at_version"),
    "/v1/runs/RUN/bisect": ("expr",),
}
HEADERS = (
    "Idempotency-Key",
    "X-Actor",
    "X-Correlation-ID",
    "X-Request-ID",
    "traceparent",
    "If-Match",
    "Accept",
    "Accept-Encoding",
    "User-Agent",
    "Authorization",
    "Cookie",
    "X-Forwarded-For",
    "Origin",
)


@pytest.fixture(scope="module")
def run_id(client: Client) -> str:
    return client.executing("p1")


def cursor(*place: Any) -> str:
    """What a cursor of ours would be, for a place that is none."""
    return base64.urlsafe_b64encode(orjson.dumps(["1", *place])).decode().rstrip("=")


@pytest.mark.parametrize("name", ODD)
def test_a_path_may_hold_any_bytes(client: Client, run_id: str, name: str) -> None:
    """A path that names what nothing is called is not found, or refused, and nothing else."""
    odd = quote(ODD[name], safe="").replace(".", "%2E")
    for path in PATHS:
        for encoded in (odd, odd.lower()):
            answer = client.get(HOST + path.replace("RUN", run_id).format(encoded))
            assert answer.status_code in {404, 405, 422}, (path, answer.status_code)
    answer = client.post(f"{HOST}/v1/runs/{odd}/events", json={"type": "run.held"})
    assert answer.status_code in {404, 405, 422}


@pytest.mark.parametrize("name", ODD)
def test_a_query_may_hold_any_bytes(client: Client, run_id: str, name: str) -> None:
    """A parameter that makes no sense is refused; as a text to look for it finds nothing."""
    for path, parameters in QUERIES.items():
        for parameter in parameters:
            value = quote(ODD[name], safe="")
            answer = client.get(f"{HOST}{path.replace('RUN', run_id)}?{parameter}={value}")
            if parameter in {"q", "label", "finding"}:
                assert answer.status_code in {200, 422}, (parameter, answer.text)
                assert answer.status_code == 422 or parameter == "q" or answer.json()["items"] == []
            else:
                assert answer.status_code in {404, 422}, (parameter, answer.text)
    for query in (
        f"{quote(ODD[name], safe='')}=1",
        quote(ODD[name], safe=""),
        "&&=&;",
        "limit=1&limit=2&limit=x",
    ):
        for path in QUERIES:
            assert client.get(f"{HOST}{path.replace('RUN', run_id)}?{query}").status_code in {200, 422}


@pytest.mark.parametrize("place", [
    ("\x00", "\x00"), ("9" * 400, "a"), ("", ""), ("é", "🎉"), ("'", "--"),
    (0,), (-1,), (2**63 - 1,), (2**63,), (2**64 - 1,), (-(2**63),), (1.5,), (True,), (None,),
    ([],), ({},), (), (1, 2), ("a",),
])  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/leases", "/v1/refusals", "/v1/runs/RUN/refusals"])
def test_a_made_up_cursor_leads_nowhere(
    client: Client, run_id: str, path: str, place: tuple[Any, ...]
) -> None:
    """A cursor that somebody made himself leads to a page or is refused."""
    answer = client.get(path.replace("RUN", run_id), params={"cursor": cursor(*place)})
    assert answer.status_code in {200, 422}, answer.text


@pytest.mark.parametrize("name", [name for name in ODD if name not in {"line ends", "NUL", "NUL inside"}])
def test_a_header_may_hold_any_bytes(client: Client, run_id: str, name: str) -> None:
    """A header is read, refused or overlooked, and what is recorded or answered stays clean."""
    for header in HEADERS:
        headers = {header: ODD[name].decode("latin-1")}
        answer = client.propose(run_id, "run.annotated", data={"text": "x"}, headers=headers)
        assert answer.status_code in {201, 412, 422}, (header, answer.text)
        read = client.get(f"/v1/runs/{run_id}", headers={**headers, "If-None-Match": headers[header]})
        assert read.status_code == 200
        for each in (answer, read):
            assert all(
                part.isascii() and part.isprintable() for pair in each.headers.items() for part in pair
            )
    assert client.read("/readyz")


def test_two_values_of_one_header_are_no_defect(client: Client, run_id: str) -> None:
    """A header that comes twice is read as one of its values, or refused."""
    for header in HEADERS:
        request = client.build_request("POST", f"/v1/runs/{run_id}/events", json={"type": "run.held"})
        request.headers = type(request.headers)(
            [*request.headers.multi_items(), (header, "a"), (header, "b")]
        )
        assert client.send(request).status_code in {201, 422}


def test_no_method_is_a_defect(client: Client, run_id: str) -> None:
    """Any method is answered, on any path."""
    for method in ("TRACE", "CONNECT", "PROPFIND", "X" * 100):
        for path in ("/v1/runs", f"/v1/runs/{run_id}", "/livez", "/docs", "/nothing"):
            answer = client.request(method, path)
            assert answer.status_code in {404, 405}
    refused(client.request("X" * 5_000, "/v1/runs"), 405, "method-not-allowed")
