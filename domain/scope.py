"""PhaseScope: the documented shape of what a phase is about.

Keys and types are those that executors were seen to store. A known key of a wrong type is refused with a
pointer to it; an unknown key is kept as it came.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Deliverable(BaseModel):
    """One thing that the phase has to deliver, with how it is accepted."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    path: str = Field(description="Where it is to be found, relative to the work tree.")
    description: str | None = Field(None, description="What it is.")
    acceptance: str | list[str] | None = Field(None, description="How one sees that it is right.")


class ContextPath(BaseModel):
    """A file or folder that may be read and not changed, and why it matters."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    path: str = Field(description="File or folder, relative to the work tree.")
    reason: str | None = Field(None, description="Why it is of use.")


class PhaseScope(BaseModel):
    """What a phase is to do, what it may touch, and when it is done."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "goal": "Predict the output size of a phase before it starts",
                    "deliverables": ["src/predictor.py", "tests/test_predictor.py"],
                    "allowed_paths": ["src/", "tests/"],
                    "protected_paths": ["src/core/"],
                    "read_only_context": [{"path": "docs/", "reason": "names used elsewhere"}],
                    "dependencies": ["phase1-schema"],
                    "acceptance_criteria": ["error below 20 % on the recorded runs"],
                }
            ]
        },
    )

    goal: str | None = Field(None, description="What is to be true when the phase is complete.")
    description: str | None = Field(None, description="The same at length.")
    goals: list[str | dict[str, Any]] | None = Field(None, description="Several goals, in order.")
    deliverables: list[str | Deliverable] | dict[str, list[str | Deliverable]] | None = Field(
        None, description="What has to exist afterwards: a list, or lists by kind (code, tests, docs)."
    )
    paths: list[str] | None = Field(None, description="Files that the phase works on.")
    allowed_paths: list[str] | None = Field(None, description="The only places that may be changed.")
    protected_paths: list[str] | None = Field(None, description="Places that must not be changed.")
    read_only_context: list[str | ContextPath] | None = Field(
        None, description="What may be read for orientation."
    )
    dependencies: list[str] | dict[str, Any] | None = Field(
        None, description="Phase ids that come first, or what else is needed, by kind."
    )
    acceptance_criteria: list[str] | None = Field(None, description="How the result is judged.")
    success_criteria: list[str] | dict[str, Any] | None = Field(
        None, description="The same, by rank (must_have, nice_to_have)."
    )
    failure_criteria: list[str] | dict[str, Any] | None = Field(
        None, description="What would make the phase a failure."
    )
    constraints: list[str] | dict[str, Any] | None = Field(None, description="Limits to keep.")
    features: list[str | dict[str, Any]] | None = Field(None, description="Features it belongs to.")
    validation: dict[str, Any] | None = Field(
        None, description="Checks by kind (functional, quality, tests, performance)."
    )
    human_review_questions: list[str] | None = Field(None, description="What a person has to decide.")
    test_cmd: str | None = Field(None, description="The command that checks the result.")
    notes: str | list[str] | None = Field(None, description="Anything else worth knowing.")
    chunk_number: str | int | None = Field(None, description="Position in a larger plan, as '1a'.")
    phase_sequence: int | None = Field(None, description="Order among the phases of that plan.")
