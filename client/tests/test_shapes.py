"""What the client says that the service tells is told, and what it sends is recorded as it was meant."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace
from runnotary_client import Client, shapes

from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from client.tests.record import events, last
from tests.end_to_end.service import Server

TRACE_ID, SPAN_ID = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7


@pytest.fixture(scope="module")
def schemas(server: Server) -> Mapping[str, Any]:
    """The shapes that the service documents."""
    found: Mapping[str, Any] = server.call("GET", "/openapi.json").body["components"]["schemas"]
    return found


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        (shapes.Usage, "Usage"),
        (shapes.Outcome, "OutcomeShown"),
        (shapes.Lease, "LeaseShown"),
        (shapes.Phase, "Phase"),
        (shapes.Tier, "TierShown"),
        (shapes.Annotation, "AnnotationShown"),
        (shapes.RunShown, "Run"),
        (shapes.Event, "Event"),
        (shapes.NewPhase, "NewPhase"),
    ],
)
def test_a_shape_has_the_fields_that_the_service_documents(
    schemas: Mapping[str, Any], shape: type, name: str
) -> None:
    """What a type checker takes to be there is there."""
    assert set(shape.__annotations__) <= set(schemas[name]["properties"])


def test_a_client_ties_its_events_together(run_id: str, server: Server, client: Client) -> None:
    """Without a tracer every event has the trace of its client."""
    with client.run(run_id, goal="g") as run, run.phase("p") as attempt:
        attempt.complete()
    traces = {event["traceparent"].split("-")[1] for event in events(server, run_id)}
    assert len(traces) == 1


def test_a_trace_that_is_given_is_sent(run_id: str, server: Server, proxy: Proxy) -> None:
    """A caller's own traceparent is recorded."""
    given = f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"
    with Client(proxy.url, traceparent=given, patience=IMPATIENT) as client, client.run(run_id, goal="g"):
        pass
    assert {event["traceparent"] for event in events(server, run_id)} == {given}


def test_the_trace_that_the_program_is_in_is_sent(run_id: str, server: Server, client: Client) -> None:
    """Where OpenTelemetry knows a span, its context goes before every other."""
    context = trace.SpanContext(TRACE_ID, SPAN_ID, is_remote=False, trace_flags=trace.TraceFlags(1))
    with client.run(run_id, goal="g") as run, trace.use_span(trace.NonRecordingSpan(context)):
        run.annotate("in a span")
    assert last(server, run_id)["traceparent"] == f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"


def test_a_report_says_when_it_happened(run_id: str, server: Server, client: Client) -> None:
    """The executor's time is recorded beside the service's; under a caller's own key it is not said."""
    with client.run(run_id, goal="g") as run:
        run.annotate("now")
        happened = last(server, run_id)
        assert happened["occurred_at"] < happened["recorded_at"]
        run.propose("run.annotated", data={"text": "mine"}, key=f"{run_id}-mine")
        happened = last(server, run_id)
        assert happened["occurred_at"] == happened["recorded_at"]
