"""What is said of a column where its table is made: the words, an example, and what it holds.

The database itself and the reference are made of it.
"""

from typing import Annotated, Any

from pydantic import StringConstraints

RUN_ID, PHASE_ID = "nightly-42", "phase1-build"
EVENT_ID = "019ab3c1-5f00-7000-8000-000000000001"
TIME = "2026-11-22T10:00:00.000000Z"
HASH = "9f2c" * 16

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def described(comment: str, example: Any, **holds: Any) -> dict[str, Any]:
    """Keyword arguments of a column. `as_json`: the type of the JSON in it; `holds`: of another value."""
    return {"comment": comment, "info": {"example": example, **holds}}
