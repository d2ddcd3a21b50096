"""W3C trace context: the one that the program is in, or one of its own."""

from collections.abc import MutableMapping
from importlib.util import find_spec
from secrets import token_hex

HAS_OPENTELEMETRY = find_spec("opentelemetry.propagate") is not None if find_spec("opentelemetry") else False


def made() -> str:
    """A trace of its own, which nobody samples: it only ties events together."""
    return f"00-{token_hex(16)}-{token_hex(8)}-00"


def current() -> str | None:
    """The context that OpenTelemetry knows the program to be in, if it is there and knows one."""
    if not HAS_OPENTELEMETRY:
        return None
    from opentelemetry import propagate  # noqa: PLC0415  # whoever traces has it

    carrier: MutableMapping[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent")
