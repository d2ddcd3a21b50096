"""A message to a webhook, signed as Standard Webhooks 1.0.0 has it."""

import base64
import hmac
from datetime import datetime
from secrets import token_bytes

import orjson

from api.views import event_view
from domain.envelopes import RecordedEvent

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """What signs the messages to one webhook."""
    return PREFIX + base64.b64encode(token_bytes(SECRET_BYTES)).decode()


def body_of(event: RecordedEvent) -> bytes:
    """What is sent of an event: the same bytes every time."""
    told = {"type": event.type, "timestamp": event.recorded_at, "data": event_view(event)}
    return orjson.dumps(told)


def headers_of(webhook_id: str, secret: str, position: int, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that vouch for it. The id is the same each time it is sent."""
    message_id, timestamp = f"{webhook_id}_{position}", str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "content-type": "application/json",
        "user-agent": "runnotary",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
