"""What headers say: who asks, as what the request is known, which host is meant, and what it belongs to."""

import pytest

from tests.api.client import Client, refused, unused

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def note(client: Client, run_id: str, headers: dict[str, str]) -> dict[str, object]:
    event: dict[str, object] = client.record(run_id, "run.annotated", data={"text": "x"}, headers=headers)[
        "event"
    ]
    return event


@pytest.mark.parametrize("actor", ["builder-7", "a", "Ann Other", "a.b:c@d/e+f -_g", "9", "x" * 128])
def test_the_actor_is_recorded_as_unverified(client: Client, actor: str) -> None:
    """Who asks is recorded with the event, and nothing vouches for it."""
    event = note(client, client.create(), {"X-Actor": actor})
    assert (event["actor"], event["actor_verified"]) == (actor, False)


def test_nobody_is_anonymous(client: Client) -> None:
    """Where nobody says who asks, it is recorded so; a run, its phases and a batch have their actor too."""
    assert note(client, client.create(), {})["actor"] == "anonymous"
    run_id, headers = unused(), {"X-Actor": "planner"}
    client.post("/v1/runs", json={"run_id": run_id, "phases": [{}]}, headers=headers)
    client.post(f"/v1/runs/{run_id}/phases", json={}, headers=headers)
    events = [{"run_id": run_id, "type": "run.held"}]
    client.post("/v1/events", json={"atomic": True, "events": events}, headers=headers)
    client.post("/v1/events", json={"atomic": False, "events": events}, headers=headers)
    items = client.read(f"/v1/runs/{run_id}/events")["items"]
    assert [(event["actor"], event["actor_verified"]) for event in items] == [("planner", False)] * 5


@pytest.mark.parametrize("actor", ["", " a", "-a", "a\tb", "é", "x" * 129, "a\x7f", "<script>", 'a"b', "a;b"])
def test_what_cannot_be_an_actor_is_refused(client: Client, actor: str) -> None:
    """A name that would not be shown as it is, is refused and nothing recorded."""
    run_id = client.create()
    told = refused(client.propose(run_id, "run.held", headers={"X-Actor": actor}), 422, "invalid-parameter")
    assert [(error["in"], error["name"]) for error in told["errors"]] == [("header", "X-Actor")]
    assert client.read(f"/v1/runs/{run_id}")["version"] == 1


@pytest.mark.parametrize("field", ["actor", "actor_verified"])
def test_a_body_that_names_an_actor_is_refused(client: Client, field: str) -> None:
    """Who asks is never taken from a body: naming it there is refused, and not overlooked."""
    run_id = client.create()
    for path, body in (
        ("/v1/runs", {"run_id": unused()}),
        (f"/v1/runs/{run_id}/phases", {}),
        (f"/v1/runs/{run_id}/events", {"type": "run.held"}),
        ("/v1/events", {"atomic": True, "events": [{"run_id": run_id, "type": "run.held"}]}),
    ):
        told = refused(client.post(path, json={**body, field: "root"}), 422, "invalid-body")
        assert [error["pointer"] for error in told["errors"]] == [f"/{field}"]
    assert client.read(f"/v1/runs/{run_id}")["version"] == 1


@pytest.mark.parametrize("key", ["k-1", "8e03978e-40d5-43dd-bc93-6894a57f9324", "!#[]~{}", "x" * 240])
def test_a_key_is_the_same_bare_and_quoted(client: Client, key: str) -> None:
    """A key means the same with the quotes of the draft standard as without them."""
    run_id, key = client.create(), f"{unused()}{key}"
    first = client.propose(run_id, "run.held", headers={"Idempotency-Key": key})
    again = client.propose(run_id, "run.held", headers={"Idempotency-Key": f'"{key}"'})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert client.read(f"/v1/runs/{run_id}")["version"] == 2


@pytest.mark.parametrize("key", ["", '""', '"', "a b", 'a"b', '"a', "é", "x" * 256, "a\tb", "a\\b"])
def test_what_cannot_be_a_key_is_refused(client: Client, key: str) -> None:
    """A key that others may read differently is refused, rather than taken for none."""
    run_id = client.create()
    headers = {"Idempotency-Key": key}
    for answer in (
        client.propose(run_id, "run.held", headers=headers),
        client.post("/v1/runs", json={"run_id": unused()}, headers=headers),
        client.post(f"/v1/runs/{run_id}/phases", json={}, headers=headers),
        client.post("/v1/events", json={"atomic": False, "events": [{}]}, headers=headers),
    ):
        told = refused(answer, 422, "invalid-parameter")
        assert [(error["in"], error["name"]) for error in told["errors"]] == [("header", "Idempotency-Key")]
    assert client.read(f"/v1/runs/{run_id}")["version"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"data": {"reason": "another"}},
        {"type": "run.unheld"},
        {"occurred_at": "2026-11-22T10:00:00Z"},
    ],
)
def test_a_key_is_for_one_request(client: Client, other: dict[str, object]) -> None:
    """The same key with another request is refused and recorded nowhere, whatever differs."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    client.record(run_id, "run.held", headers=headers)
    body = {"type": "run.held", **other}
    answer = client.post(f"/v1/runs/{run_id}/events", json=body, headers=headers)
    assert refused(answer, 422, "idempotency-key-reused")["key"] == headers["Idempotency-Key"]
    elsewhere = client.propose(client.create(), "run.held", headers=headers)
    refused(elsewhere, 422, "idempotency-key-reused")
    assert client.read(f"/v1/runs/{run_id}")["version"] == 2


def test_a_repeated_report_answers_its_key_too(client: Client) -> None:
    """A key under which an earlier report was only repeated is answered alike ever after."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    report = {"phase_id": "p1", "attempt": 1}
    client.record(run_id, "phase.completed", **report)
    headers = {"Idempotency-Key": unused("key")}
    answers = [client.propose(run_id, "phase.completed", headers=headers, **report) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.headers["idempotent-replayed"] for answer in answers] == ["true"] * 3
    assert len({answer.text for answer in answers}) == 1


def test_if_match_expects_a_version(client: Client) -> None:
    """A proposal with If-Match is recorded while the run is at that version, and refused later."""
    run_id = client.create()
    etag = client.get(f"/v1/runs/{run_id}").headers["etag"]
    assert etag == '"1"'
    answer = client.propose(run_id, "run.held", headers={"If-Match": etag})
    assert (answer.status_code, answer.headers["etag"]) == (201, '"2"')
    told = refused(client.propose(run_id, "run.unheld", headers={"If-Match": etag}), 412, "version-mismatch")
    assert (told["expected_version"], told["current_version"]) == (1, 2)
    client.record(run_id, "run.unheld", headers={"If-Match": '"2"'}, expected_version=2)
    client.record(run_id, "run.held", headers={"If-Match": "*"})


@pytest.mark.parametrize(
    "header", ["1", '"x"', '""', 'W/"1"', '"1", "2"', '"-1"', '"01"', '"99999999999999999"', ""]
)
def test_an_if_match_that_is_no_version_is_refused(client: Client, header: str) -> None:
    """What is no version in quotes is refused, rather than overlooked."""
    run_id = client.create()
    told = refused(client.propose(run_id, "run.held", headers={"If-Match": header}), 422, "invalid-parameter")
    assert [(error["in"], error["name"]) for error in told["errors"]] == [("header", "If-Match")]


def test_if_match_and_the_body_agree(client: Client) -> None:
    """Two versions that differ are refused, whatever the run's is."""
    run_id = client.create()
    answer = client.propose(run_id, "run.held", headers={"If-Match": '"1"'}, expected_version=2)
    refused(answer, 422, "invalid-parameter")


def test_if_match_holds_for_a_phase_too(client: Client) -> None:
    """A phase is not added to a run that is elsewhere than If-Match expects."""
    run_id = client.create()
    answer = client.post(f"/v1/runs/{run_id}/phases", json={}, headers={"If-Match": '"7"'})
    refused(answer, 412, "version-mismatch")
    assert client.read(f"/v1/runs/{run_id}")["phases"] == []
    fits = client.post(f"/v1/runs/{run_id}/phases", json={}, headers={"If-Match": '"1"'})
    assert fits.status_code == 201


def test_if_match_is_nowhere_overlooked(client: Client) -> None:
    """Where no one version can be expected, If-Match is refused, and nothing is recorded."""
    run_id, new = client.create(), unused()
    for path, body in (
        ("/v1/runs", {"run_id": new}),
        ("/v1/events", {"atomic": True, "events": [{"run_id": run_id, "type": "run.held"}]}),
        ("/v1/events", {"atomic": False, "events": [{"run_id": run_id, "type": "run.held"}]}),
    ):
        answer = client.post(path, json=body, headers={"If-Match": '"99"'})
        assert answer.status_code in {412, 422}, path
    assert client.read(f"/v1/runs/{run_id}")["version"] == 1
    refused(client.get(f"/v1/runs/{new}"), 404, "run-not-found")


def test_any_version_is_one_of_a_run_that_is_there(client: Client) -> None:
    """If-Match with a star expects some version, which a run that is not there does not have."""
    run_id = unused()
    answer = client.propose(run_id, "run.created", headers={"If-Match": "*"})
    assert answer.status_code in {412, 422}
    refused(client.get(f"/v1/runs/{run_id}"), 404, "run-not-found")


def test_a_run_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    """A reader that has the run at this version is told 304, without a body, until something happens."""
    run_id = client.create()
    etag = client.get(f"/v1/runs/{run_id}").headers["etag"]
    same = client.get(f"/v1/runs/{run_id}", headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    client.record(run_id, "run.annotated", data={"text": "x"})
    newer = client.get(f"/v1/runs/{run_id}", headers={"If-None-Match": etag})
    assert (newer.status_code, newer.headers["etag"]) == (200, '"2"')
    refused(client.get(f"/v1/runs/{unused()}", headers={"If-None-Match": etag}), 404, "run-not-found")


def test_what_a_request_belongs_to_is_recorded(client: Client) -> None:
    """The trace and the correlation of a request are recorded with each of its events."""
    run_id, headers = unused(), {"traceparent": TRACE, "X-Correlation-ID": "job-42"}
    client.post("/v1/runs", json={"run_id": run_id, "phases": [{}]}, headers=headers)
    items = client.read(f"/v1/runs/{run_id}/events")["items"]
    assert [(event["traceparent"], event["correlation_id"]) for event in items] == [(TRACE, "job-42")] * 2
    event = note(client, run_id, {})
    assert (event["traceparent"], event["correlation_id"]) == (None, None)


@pytest.mark.parametrize("trace", ["", "x", TRACE.upper(), TRACE + "-x", TRACE[:-1], "é", TRACE + "\t"])
def test_a_broken_trace_is_overlooked(client: Client, trace: str) -> None:
    """A trace that is none loses nobody an event: it is left out, as its standard says."""
    assert note(client, client.create(), {"traceparent": trace})["traceparent"] is None


@pytest.mark.parametrize("value", ["", "a b", "é", "x" * 129, "-x"])
def test_what_cannot_be_a_correlation_is_refused(client: Client, value: str) -> None:
    """A correlation that has not the form of an id is refused."""
    answer = client.propose(client.create(), "run.held", headers={"X-Correlation-ID": value})
    assert refused(answer, 422, "invalid-parameter")["errors"][0]["name"] == "X-Correlation-ID"


@pytest.mark.parametrize("path", ["/v1/runs", "/livez", "/v1/nothing", "/docs", "/openapi.json"])
def test_a_request_id_is_echoed(sqlite_client: Client, path: str) -> None:
    """The id that a caller gives its request is in the answer; one that cannot be an id is exchanged."""
    assert sqlite_client.get(path, headers={"X-Request-ID": "req-1"}).headers["x-request-id"] == "req-1"
    made = {
        sqlite_client.get(path, headers={"X-Request-ID": given}).headers["x-request-id"]
        for given in ("", "a b", "x" * 129, "a\tb", "é")
    }
    assert len(made) == 5
    assert not made & {"", "a b", "x" * 129}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8000"]
)
def test_loopback_has_these_names(sqlite_client: Client, host: str) -> None:
    """A service that knows nobody answers to the names of this machine, whatever the port."""
    assert sqlite_client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["example.com", "127.0.0.1.example.com", "localhost.example.com", "example.com:8000", "", "127.0.0.2",
     "[::2]", "[::1].example.com", "user@127.0.0.1", "localhost@example.com", "127.0.0.1, example.com", "é"],
)  # fmt: skip
def test_a_page_that_was_led_here_is_refused(client: Client, host: str) -> None:
    """Under any other name nothing is read and nothing recorded, whatever the path."""
    run_id = client.create()
    for answer in (
        client.get(f"/v1/runs/{run_id}", headers={"Host": host}),
        client.get("/livez", headers={"Host": host}),
        client.propose(run_id, "run.held", headers={"Host": host}),
    ):
        refused(answer, 421, "host-not-allowed")
    assert client.read(f"/v1/runs/{run_id}")["version"] == 1


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_no_other_origin_is_let_in(sqlite_client: Client, method: str) -> None:
    """No answer allows the page of another origin to read it."""
    headers = {"Origin": "http://example.com", "Access-Control-Request-Method": "POST"}
    answer = sqlite_client.request(method, "/v1/runs", headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
