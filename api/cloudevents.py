"""Events in the form of CloudEvents 1.0, JSON format (CNCF CloudEvents specification, v1.0.2)."""

from typing import Any

from domain.envelopes import RecordedEvent

MEDIA_TYPE = "application/cloudevents-batch+json"


def cloud_event(event: RecordedEvent, schemas: str) -> dict[str, Any]:
    """An event as a CloudEvent, where `schemas` is what the URI of a schema has before the event's type.

    `sequence` is the position, of one width so that it sorts as text.
    """
    told = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": f"/v1/runs/{event.run_id}",
        "type": event.type,
        "time": event.occurred_at,
        "dataschema": f"{schemas}{event.type}",
        "datacontenttype": "application/json",
        "sequence": f"{event.position:019d}",
        "partitionkey": event.run_id,
        "runversion": event.version,
        "actor": event.actor,
        "data": event.data,
    }
    optional = {
        "subject": event.phase_id,
        "attempt": event.attempt,
        "statebefore": event.state_before,
        "stateafter": event.state_after,
        "traceparent": event.traceparent,
    }
    return told | {name: value for name, value in optional.items() if value is not None}
