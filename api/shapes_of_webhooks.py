"""The shapes of answers about webhooks, for the OpenAPI document; `api.webhooks` makes the answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.described import RUN_ID, TIME

SHOWN: dict[str, Any] = {
    "webhook_id": "wh-01a202fca5a37afca3c9501bbc21081a", "url": "http://127.0.0.1:9000/runs",
    "types": ["phase.failed"], "position": 17, "waiting": 0, "dead": 1, "created_at": TIME,
    "created_by": "ada",
}  # fmt: skip


class WebhookShown(BaseModel):
    """A webhook: who is told of which events, and how far."""

    webhook_id: str
    url: str
    types: list[str] = Field(description="None: all.")
    position: int = Field(description="Up to here every wanted event was delivered, or waits, or is dead.")
    waiting: int = Field(description="Messages that are tried again, or wait behind such a one of their run.")
    dead: int = Field(description="Messages that are not tried again by themselves.")
    created_at: str
    created_by: str

    model_config = ConfigDict(json_schema_extra={"example": SHOWN})


class WebhookAdded(WebhookShown):
    """A new webhook, with its secret. It is not shown again."""

    secret: str = Field(description="What signs the messages: whsec_ and 32 bytes in base64.")

    model_config = ConfigDict(
        json_schema_extra={"example": {**SHOWN, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
    )


class WebhookList(BaseModel):
    """Webhooks, oldest first."""

    items: list[WebhookShown]
    next_cursor: None


class LetterShown(BaseModel):
    """A message that was not delivered."""

    position: int
    run_id: str
    type: str
    status: str = Field(description="waiting or dead.")
    attempts: int
    due_at: str = Field(description="Not tried again before.")
    why: str | None = Field(description="What went wrong last; null: it waits behind another of its run.")

    model_config = ConfigDict(json_schema_extra={"example": {
        "position": 17, "run_id": RUN_ID, "type": "phase.failed", "status": "dead", "attempts": 9,
        "due_at": TIME, "why": "answered 500",
    }})  # fmt: skip


class LetterList(BaseModel):
    """Messages in the order of the log."""

    items: list[LetterShown]
    next_cursor: str | None


class Resent(BaseModel):
    """How many messages are tried again."""

    resent: int

    model_config = ConfigDict(json_schema_extra={"example": {"resent": 1}})
