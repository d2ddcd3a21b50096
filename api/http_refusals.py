"""What is wrong with a request before anything of ours is asked for."""

from dataclasses import dataclass
from typing import Any

from domain.refusals import Refusal, among


@dataclass(eq=False)
class NotJson(Refusal):
    code = "not-json"
    title = "The body is not JSON"

    why: str

    @property
    def detail(self) -> str:
        return f"The body cannot be read as JSON: {self.why}."

    @property
    def remedy(self) -> str:
        return "Send one JSON object in UTF-8, each key once, numbers finite."


@dataclass(eq=False)
class UnsupportedMediaType(Refusal):
    code = "unsupported-media-type"
    title = "The body is of a kind that this call does not take"

    content_type: str | None

    @property
    def detail(self) -> str:
        return f"Content-Type is {self.content_type or 'missing'}; this call takes application/json in UTF-8."

    @property
    def remedy(self) -> str:
        return "Send the header Content-Type: application/json."


@dataclass(eq=False)
class BodyTooLarge(Refusal):
    code = "body-too-large"
    title = "The body is too large"

    bytes_max: int

    @property
    def detail(self) -> str:
        return f"A body has at most {self.bytes_max} bytes here."

    @property
    def remedy(self) -> str:
        return (
            "Send less at once, or keep large artefacts elsewhere. RUNNOTARY_BODY_BYTES_MAX sets the limit."
        )


@dataclass(eq=False)
class InvalidParameter(Refusal):
    code = "invalid-parameter"
    title = "A parameter is not what this call takes"

    errors: list[dict[str, Any]]

    @property
    def detail(self) -> str:
        return "; ".join(f"{e['in']} {e['name']}: {e['detail']}" for e in self.errors[:5])

    @property
    def remedy(self) -> str:
        return "Correct what `errors` names. /docs has the parameters of every call."


@dataclass(eq=False)
class NoSuchCall(Refusal):
    code = "no-such-call"
    title = "There is no such call"

    path: str

    @property
    def detail(self) -> str:
        return f"Nothing is at {self.path[:200]!r}."

    @property
    def remedy(self) -> str:
        return "/docs lists every call, /openapi.json for programs."


@dataclass(eq=False)
class NoSuchSchema(Refusal):
    code = "no-such-schema"
    title = "There is no such schema"

    name: str
    similar: list[str]

    @property
    def detail(self) -> str:
        return f"No schema is called {self.name[:140]!r}."

    @property
    def remedy(self) -> str:
        meant = f"Did you mean {' or '.join(self.similar)}? " if self.similar else ""
        return f"{meant}GET /v1/schemas lists them all."


@dataclass(eq=False)
class MethodNotAllowed(Refusal):
    code = "method-not-allowed"
    title = "This cannot be done with it"

    method: str
    allowed: list[str]

    @property
    def detail(self) -> str:
        return f"{self.method[:20]} is not among what this path takes: {among(self.allowed)}."

    @property
    def remedy(self) -> str:
        return (
            f"Use one of {among(self.allowed)}. Nothing is ever changed or deleted here; events are appended."
        )


@dataclass(eq=False)
class HostNotAllowed(Refusal):
    code = "host-not-allowed"
    title = "This service is not known by that name"

    host: str

    @property
    def detail(self) -> str:
        return (
            f"The header Host is {self.host[:200]!r}; a service without credentials answers on loopback only."
        )

    @property
    def remedy(self) -> str:
        return "Call it as 127.0.0.1 or localhost."


@dataclass(eq=False)
class InternalError(Refusal):
    code = "internal-error"
    title = "A defect of the service"

    request_id: str

    @property
    def detail(self) -> str:
        return (
            "The service failed in a way that it was not made for. The log tells more, under this request_id."
        )

    @property
    def remedy(self) -> str:
        return "Send it again with the same Idempotency-Key; if it fails again, report the request_id."
