"""The OpenAPI document: valid, complete, and true, as a program that knows nothing else finds out."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from httpx2 import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.repairs.repairs import id_for
from tests.api.client import HOST, Client
from tests.api.conftest import Serve
from tests.api.json_schema import assert_is_schema, faults

METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLES = 25
"""Made-up calls of each kind. More find no more, and take their time."""

KNOWN: dict[str, Any] = {
    "run_id": "nightly-42",
    "phase_id": "phase1-build",
    "name": "scope",
    "entity": "run",
    "repair_id": id_for("known"),
}
"""What is there, so that not every made-up call is about nothing."""


@pytest.fixture(scope="module")
def document(sqlite_client: Client) -> dict[str, Any]:
    return sqlite_client.read("/openapi.json")


@pytest.fixture(scope="module")
def full_client(sqlite_client: Client) -> Client:
    """A service with runs under the names that the examples use."""
    run_id, phase_id = KNOWN["run_id"], KNOWN["phase_id"]
    if sqlite_client.get(f"/v1/runs/{run_id}").status_code == 404:
        sqlite_client.create(run_id=run_id, phases=[{"phase_id": phase_id}], tiers=[{"tier_id": "T1"}])
        sqlite_client.record(run_id, "run.execution_started")
        sqlite_client.record(run_id, "phase.annotated", phase_id=phase_id, data={"text": "x"})
        sqlite_client.propose(run_id, "run.created")
        asked = sqlite_client.record(run_id, "run.approval_requested", data={"context": "x"})
        KNOWN["approval_id"] = asked["event"]["position"]
        repair = {"run_id": run_id, "phase_id": phase_id, "state": "COMPLETE", "reason": "merged"}
        headers = {"Idempotency-Key": "known"}
        assert sqlite_client.post("/v1/repairs", json=repair, headers=headers).status_code == 201
        webhook = sqlite_client.post("/v1/webhooks", json={"url": "https://hooks.example"})
        KNOWN["webhook_id"] = webhook.json()["webhook_id"]
    return sqlite_client


def calls(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def resolved(document: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """A schema that a validator understands apart from the document."""
    return {**shape, "components": document["components"]}


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    """The document keeps to OpenAPI 3.1, and every schema in it to JSON Schema."""
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    for schema in document["components"]["schemas"].values():
        assert_is_schema(schema)


def test_every_call_has_a_name_and_a_sentence(document: dict[str, Any]) -> None:
    """Every call has an operationId of its own, words that say what it does, and a place in the contents."""
    named = Counter(call["operationId"] for _, _, call in calls(document))
    assert [name for name, times in named.items() if times > 1] == []
    assert [name for name in named if not re.fullmatch("[a-z]+(_[a-z]+)*", name)] == []
    tags = {tag["name"] for tag in document["tags"]}
    for _, path, call in calls(document):
        assert call["description"].endswith("."), path
        assert set(call["tags"]) <= tags, path
        assert len(call["tags"]) == 1, path


def test_every_body_has_an_example_that_is_accepted(document: dict[str, Any], serve: Serve) -> None:
    """Every body that a call takes is shown by an example that fits its schema; in their order they work."""
    with serve("sqlite") as client:
        for method, path, call in calls(document):
            if "requestBody" not in call:
                assert method in {"get", "delete"}, path
                continue
            content = call["requestBody"]["content"]["application/json"]
            assert faults(resolved(document, content["schema"]), content["example"]) == []
        examples = {
            call["operationId"]: call["requestBody"]["content"]["application/json"]["example"]
            for _, _, call in calls(document)
            if "requestBody" in call
        }
        run = client.post("/v1/runs", json=examples["create_run"])
        assert run.status_code == 201
        run_id = run.json()["run_id"]
        assert client.post("/v1/events", json=examples["propose_events"]).status_code == 201
        added = client.post(f"/v1/runs/{run_id}/phases", json=examples["add_phase"])
        assert added.status_code == 201
        assert client.post(f"/v1/runs/{run_id}/dry-run", json=examples["dry_run"]).status_code == 200
        for name, path, status in (
            ("propose_repair", "", 201),
            ("propose_suggested_repairs", "/suggested", 200),
            ("approve_repairs", "/approve", 200),
        ):
            assert client.post(f"/v1/repairs{path}", json=examples[name]).status_code == status
        (repair,) = client.read("/v1/repairs")["items"]
        for decision in ("approve", "reject"):
            answer = client.post(
                f"/v1/repairs/{repair['repair_id']}/{decision}", json=examples[f"{decision}_repair"]
            )
            assert answer.status_code == (200 if decision == "approve" else 409)
        proposed = {**examples["propose_event"], "phase_id": added.json()["phase_id"]}
        assert client.post(f"/v1/runs/{run_id}/events", json=proposed).status_code == 201


def test_every_answer_has_an_example(document: dict[str, Any]) -> None:
    """Every shape of an answer that stands by itself shows a value that it may have, and the value fits."""
    shown, wrong = 0, list[str]()
    for name, schema in document["components"]["schemas"].items():
        for example in [schema["example"]] if "example" in schema else schema.get("examples", []):
            wrong += [f"{name}{fault}" for fault in faults(resolved(document, schema), example)]
            shown += 1
    assert wrong == []
    assert shown >= 8


def test_every_call_is_there_and_every_route_is_told(document: dict[str, Any], full_client: Client) -> None:
    """Every call in the document is answered, and every route is in the document, but the page and itself."""
    for method, path, call in sorted(calls(document), key=lambda call: call[0] == "delete"):
        if call["operationId"] in ENDLESS:
            continue
        filled = path.format(**KNOWN)
        answer = full_client.request(method, filled, json={} if method == "post" else None)
        assert str(answer.status_code) in call["responses"], (method, path, answer.text)
        assert answer.status_code not in {404, 405}
    told = {(method.upper(), path) for method, path, _ in calls(document)}
    routes = {
        (method, route.path)
        for router in full_client.service.routes
        for route in getattr(getattr(router, "original_router", None), "routes", [router])
        for method in (getattr(route, "methods", None) or set()) - {"HEAD"}
    }
    assert {route for route in routes - told if not route[1].startswith(("/docs", "/openapi.json"))} == set()


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    """Wherever a call may refuse, the document says so with the shape of a problem and the codes."""
    for _, path, call in calls(document):
        for status, answer in call["responses"].items():
            if int(status) >= 400:
                assert answer["content"].keys() == {"application/problem+json"}, (path, status)
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
                assert re.fullmatch("[a-z-]+(, [a-z-]+)*", answer["description"]), (path, status)


RECORD_NOTHING = {
    "/v1/runs/{run_id}/dry-run",
    "/v1/runs/{run_id}/phases/{phase_id}/heartbeat",
    "/v1/verify",
    "/v1/projections/rebuild",
    "/v1/webhooks",
    "/v1/webhooks/{webhook_id}/resend",
}
OF_NO_VERSION = {"/v1/runs", "/v1/events", "/v1/claims"}
"""Calls that are about several runs, or a new one. A repair is bound to a version by itself."""
OF_NO_KEY = {"/v1/repairs/suggested", "/v1/repairs/approve"}
"""Calls that do nothing twice, whatever key they come with."""


@pytest.mark.parametrize(
    "header", ["Idempotency-Key", "X-Actor", "X-Correlation-ID", "traceparent", "If-Match"]
)
def test_the_headers_are_told(document: dict[str, Any], header: str) -> None:
    """The headers that the calls understand are in the document."""
    for method, path, call in calls(document):
        told = {each["name"] for each in call.get("parameters", []) if each["in"] == "header"}
        records = method == "post" and path not in RECORD_NOTHING
        is_bound = path in OF_NO_VERSION or path.startswith("/v1/repairs")
        if records and not (header == "If-Match" and is_bound):
            assert (header in told) == (header != "Idempotency-Key" or path not in OF_NO_KEY), path


# --- what a machine makes of it ---

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = [
    "create_run", "list_runs", "get_run", "add_phase", "get_phase", "get_moves", "propose_event",
    "propose_events", "list_quarantine", "propose_repair", "propose_suggested_repairs", "approve_repairs",
    "list_repairs", "get_repair", "approve_repair", "reject_repair", "list_run_events", "read_log",
    "list_run_refusals", "list_refusals", "list_seals", "get_machines", "get_diagram", "get_machine",
    "list_schemas", "get_schema", "list_projections", "rebuild", "list_approvals", "get_approval", "verify",
    "audit", "dry_run", "get_diff",
    "get_blame", "get_bisect", "export", "claim_phase", "renew_lease", "list_leases", "stats",
    "livez", "readyz",
    "stream_events", "add_webhook", "list_webhooks", "get_webhook", "list_letters", "resend_letters",
    "remove_webhook",
]  # fmt: skip
ENDLESS = {"stream_events"}
"""An answer that has no end cannot be waited for: tests/feeds reads it as it comes."""


def test_every_call_is_tried_by_the_machine(document: dict[str, Any]) -> None:
    """No call is left out below."""
    assert {call["operationId"] for _, _, call in calls(document)} == set(OPERATIONS)


@pytest.mark.parametrize("operation_id", [name for name in OPERATIONS if name not in ENDLESS])
def test_the_service_is_what_its_document_says(full_client: Client, operation_id: str) -> None:
    """Calls made up from the document alone are answered as the document says."""
    schema = schemathesis.openapi.from_dict(full_client.read("/openapi.json"))
    operation = schema.find_operation_by_id(operation_id)

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(), is_known=st.booleans())
    def tried(case: Any, is_known: bool) -> None:
        for name in case.path_parameters or {}:
            if is_known and name in KNOWN:
                case.path_parameters[name] = KNOWN[name]
        case.validate_response(sent(full_client, case), checks=CHECKS)

    tried()


def sent(client: Client, case: Any) -> Response:
    """The answer to a made-up call."""
    made = case.as_transport_kwargs(base_url=HOST)
    body = {"content": made["data"]} if made.get("data") is not None else {"json": made.get("json")}
    headers = {name: str(value) for name, value in made["headers"].items()}
    return client.request(
        made["method"], made["url"], params=made.get("params") or None, headers=headers, **body
    )
