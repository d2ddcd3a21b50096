"""What is in the record of a run."""

from typing import Any

from tests.end_to_end.service import Server


def events_of(run_id: str) -> str:
    """The path of the events of a run."""
    return f"/v1/runs/{run_id}/events"


def events(server: Server, run_id: str) -> list[dict[str, Any]]:
    """The events of a run."""
    items: list[dict[str, Any]] = server.call("GET", f"{events_of(run_id)}?limit=500").body["items"]
    return items


def last(server: Server, run_id: str) -> dict[str, Any]:
    """The last event of a run."""
    return events(server, run_id)[-1]


def story(server: Server, run_id: str) -> list[tuple[str, int | None]]:
    """What happened in a run: the types of its events, and their attempts."""
    return [(event["type"], event["attempt"]) for event in events(server, run_id)]


def notes(server: Server, run_id: str) -> list[str]:
    """The notes of a run, in order."""
    return [event["data"]["text"] for event in events(server, run_id) if event["type"] == "run.annotated"]
