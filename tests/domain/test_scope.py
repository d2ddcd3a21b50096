"""The scope of a phase: every shape that executors were seen to store is kept as it came."""

from typing import Any

import pytest

from domain.refusals import InvalidBody
from tests.domain.conftest import Given

SHAPES: dict[str, dict[str, Any] | None] = {
    "nothing": None,
    "empty": {},
    "paths": {"paths": ["src/a.py"]},
    "paths and context": {"paths": ["src/a.py"], "read_only_context": ["docs/", "src/b.py"]},
    "context with reasons": {
        "paths": [],
        "read_only_context": [
            {"path": "docs/", "reason": "names"},
            {"path": ""},
            "src/",
            {"path": "x", "lines": 5},
        ],
    },
    "deliverables": {
        "deliverables": ["src/a.py modifications", "cli (CLI tool)", "README.md (update usage)"],
        "paths": ["src/"],
        "read_only_context": ["docs/"],
    },
    "chunk": {
        "chunk_number": "1a",
        "constraints": {"budget": "small"},
        "deliverables": {"code": ["src/a.py"], "tests": ["tests/test_a.py"], "docs": [], "polish": ["x"]},
        "dependencies": {
            "infrastructure": ["sqlite"],
            "libraries": [],
            "python_packages": ["pydantic>=2"],
            "external_apis": None,
            "internal": {"modules": ["a"]},
            "external": "none",
        },
        "description": "The first part",
        "failure_criteria": {"hard": ["data loss"]},
        "features": ["search", {"name": "gather", "parts": [{"x": 1}, ["y"]]}],
        "goals": ["one", {"goal": "two", "weight": 2}],
        "human_review_questions": ["Is it right?"],
        "next_chunk": "1b",
        "phase_sequence": 3,
        "requirements_path": "requirements/1a.md",
        "success_criteria": {"must_have": ["a"], "nice_to_have": ["b"]},
        "validation": {"functional": ["f"], "quality": {"coverage": 0.8}, "tests": None, "performance": 1},
    },
    "chunk zero": {"chunk_number": 0, "deliverables": {"code": ["a"]}, "features": [], "validation": {}},
    "chunk of nothing": {"goals": None, "failure_criteria": None, "constraints": None, "validation": None},
    "guarded": {
        "goal": "Predict the output size",
        "deliverables": ["src/predictor.py"],
        "allowed_paths": ["src/"],
        "protected_paths": ["src/core/"],
    },
    "depending": {
        "goal": "g",
        "deliverables": [
            {"path": "a.py", "description": "d", "acceptance": "green"},
            {"path": "b", "acceptance": ["x", "y"]},
        ],
        "protected_paths": ["src/core/"],
        "read_only_context": [{"path": "docs/", "reason": None}],
        "dependencies": ["phase1-schema"],
        "implementation_order": ["a", "b"],
        "risk_mitigation": {"r": "m"},
        "architectural_principles": ["simple"],
    },
    "deliverables by kind, described": {"deliverables": {"code": ["a", {"path": "b", "size": 3}]}},
    "research": {
        "phase_id": "research-tracer-bullet",
        "run_id": "research-system-v1",
        "acceptance_criteria": ["error below 20 %"],
        "notes": ["first", "second"],
        "estimated_effort": {"days": 1.5},
        "test_cmd": "make check",
    },
    "criteria in a row": {
        "success_criteria": ["a"],
        "failure_criteria": ["b"],
        "constraints": ["c"],
        "notes": "all",
    },
    "what an executor writes into it": {
        "ci": {"timeouts": {"seconds": 60}},
        "last_builder_result": {
            "success": False,
            "output": "…",
            "files_modified": ["a"],
            "metadata": {"tokens": 12},
            "attempt": 2,
        },
        "deliverables_manifest": ["a", "b"],
        "last_failure_reason": None,
        "change_size": "large",
    },
    "keys that mean something to programs": {
        "model_dump": 1,
        "model_config": {},
        "model_fields_set": [],
        "copy": None,
        "json": "x",
        "schema": {},
        "__class__": "x",
        "__dict__": {},
        "__init__": 1,
        "__proto__": {},
        "self": 1,
        "type": "phase.added",
    },
    "keys of any kind": {
        "": "empty",
        "a/b~c": 1,
        "model_config": {},
        "goal ": "spaced",
        "日本": [True, None, 1.5],
    },
}


@pytest.mark.parametrize("scope", SHAPES.values(), ids=SHAPES)
def test_a_scope_that_was_seen_is_kept_as_it_came(given: Given, scope: dict[str, Any] | None) -> None:
    """Known keys in each of their shapes, and unknown keys whole: what is read is what was sent."""
    story = given("run.created").when("phase.added", "p1", scope=scope).then(("phase.added", None, "QUEUED"))
    assert story.happened[0].data["scope"] == scope
    assert story.run.phases["p1"].scope == scope


LISTS_OF_TEXT = ["paths", "allowed_paths", "protected_paths", "acceptance_criteria", "human_review_questions"]
WRONG: list[tuple[Any, list[str]]] = [
    ("research-system-v1/research-tracer-bullet", [""]),
    (["a"], [""]),
    (5, [""]),
    *(({key: "src/"}, [f"/{key}"]) for key in LISTS_OF_TEXT),
    *(({key: ["a", 5, None]}, [f"/{key}/1", f"/{key}/2"]) for key in LISTS_OF_TEXT),
    *(
        ({key: 5}, [f"/{key}"])
        for key in ("goal", "description", "test_cmd", "notes", "goals", "features", "validation")
    ),
    *(
        ({key: "x"}, [f"/{key}"])
        for key in ("dependencies", "success_criteria", "failure_criteria", "constraints")
    ),
    ({"validation": ["x"]}, ["/validation"]),
    ({"chunk_number": 1.5}, ["/chunk_number"]),
    ({"chunk_number": True}, ["/chunk_number"]),
    ({"phase_sequence": "3"}, ["/phase_sequence"]),
    ({"goals": ["a", 5]}, ["/goals/1"]),
    ({"features": [["x"]]}, ["/features/0"]),
    ({"goal": 1, "paths": 2}, ["/goal", "/paths"]),
    ({"deliverables": "src/a.py"}, ["/deliverables"]),
]
WRONG_IN_ALTERNATIVES: list[tuple[Any, str]] = [
    ({"read_only_context": [{"reason": "no path"}]}, "/read_only_context/0"),
    ({"read_only_context": [{"path": 5}]}, "/read_only_context/0"),
    ({"deliverables": ["a", {"description": "no path"}]}, "/deliverables/1"),
    ({"deliverables": {"code": "src/a.py"}}, "/deliverables/code"),
    ({"deliverables": {"code": ["a", 5]}}, "/deliverables/code/1"),
    ({"deliverables": {"code": [{"path": "a", "acceptance": 5}]}}, "/deliverables/code/0/acceptance"),
    ({"notes": {"a": 1}}, "/notes"),
    ({"notes": ["a", {}]}, "/notes/1"),
    ({"goals": {"a": 1}}, "/goals"),
    ({"chunk_number": {"a": 1}}, "/chunk_number"),
]


def pointers(given: Given, scope: Any) -> list[str]:
    story = given("run.created").when("phase.added", "p1", scope=scope).refused(InvalidBody)
    assert isinstance(story.refusal, InvalidBody)
    return [error["pointer"] for error in story.refusal.errors]


@pytest.mark.parametrize(("scope", "wrong"), WRONG)
def test_a_known_key_of_a_wrong_type_is_pointed_at(given: Given, scope: Any, wrong: list[str]) -> None:
    """Each place that does not fit is pointed at once, and nothing beside it."""
    assert pointers(given, scope) == [f"/data/scope{pointer}" for pointer in wrong]


@pytest.mark.parametrize(("scope", "wrong"), WRONG_IN_ALTERNATIVES)
def test_where_several_shapes_would_do_every_pointer_is_a_place(given: Given, scope: Any, wrong: str) -> None:
    """A pointer names a place in what was sent, or a field that is missing there: never a shape."""
    found = pointers(given, scope)
    assert any(pointer.startswith(f"/data/scope{wrong}") for pointer in found)
    for pointer in found:
        *way, last = pointer.split("/")[3:]
        here = scope
        for part in way:
            here = here[int(part)] if isinstance(here, list) else here[part]
        assert last == "path" or (isinstance(here, list) and int(last) < len(here)) or last in here
