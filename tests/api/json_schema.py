"""Whether a value fits a JSON Schema (2020-12), and whether that is one."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]  # it has no types


def assert_is_schema(schema: Mapping[str, Any]) -> None:
    """This is a schema."""
    Draft202012Validator.check_schema(schema)


def faults(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What does not fit, each with its place."""
    check = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{error.json_path[1:]}: {error.message[:80]}" for error in check.iter_errors(value)]
