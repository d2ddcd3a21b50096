"""The document tells of these calls where they are switched on, and tells the truth."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.client import Client
from tests.api.json_schema import faults
from tests.api.test_openapi import CHECKS, calls, resolved, sent
from tests.autopack.conftest import Executor

KNOWN = {"run_id": "known-1", "phase_id": "a"}
OPERATIONS = [
    "get_health", "start_autopack_run", "create_autopack_run", "list_autopack_runs", "get_autopack_run",
    "get_autopack_progress", "get_autopack_status", "list_autopack_phases", "add_autopack_phase",
    "report_autopack_state", "put_autopack_phase", "submit_autopack_builder_result",
    "submit_autopack_auditor_result", "record_autopack_issue", "request_autopack_approval",
    "get_autopack_approval", "list_autopack_approvals",
]  # fmt: skip


@pytest.fixture(scope="module")
def known(executor: Executor) -> Client:
    """A service with a run under the names that are known."""
    if executor.client.get(f"/v1/runs/{KNOWN['run_id']}").status_code == 404:
        executor.start("a", "b", run_id=KNOWN["run_id"])
    return executor.client


@pytest.fixture(scope="module")
def document(known: Client) -> dict[str, Any]:
    return known.read("/openapi.json")


def of_autopack(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {call["operationId"]: call for _, _, call in calls(document) if call["tags"] == ["autopack"]}


def test_the_document_is_valid_and_has_every_call(document: dict[str, Any]) -> None:
    """OpenAPI 3.1, each call with a name of its own, a sentence, and an example of its body."""
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    found = of_autopack(document)
    assert set(found) == set(OPERATIONS)
    for name, call in found.items():
        assert call["description"].endswith("."), name
        if "requestBody" in call:
            content = call["requestBody"]["content"]["application/json"]
            assert faults(resolved(document, content["schema"]), content["example"]) == [], name


def test_the_examples_of_answers_fit(document: dict[str, Any]) -> None:
    """Every shape that shows an example shows one that it may have."""
    for name, schema in document["components"]["schemas"].items():
        if "example" in schema:
            assert faults(resolved(document, schema), schema["example"]) == [], name


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_the_service_is_what_its_document_says(known: Client, operation_id: str) -> None:
    """Calls made up from the document alone are answered as the document says."""
    operation = schemathesis.openapi.from_dict(known.read("/openapi.json")).find_operation_by_id(operation_id)

    @settings(
        max_examples=15,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
    )
    @given(case=operation.as_strategy(), is_known=st.booleans())
    def tried(case: Any, is_known: bool) -> None:
        for name in case.path_parameters or {}:
            if is_known and name in KNOWN:
                case.path_parameters[name] = KNOWN[name]
        case.validate_response(sent(known, case), checks=CHECKS)

    tried()
