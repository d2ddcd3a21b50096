"""Words for people: what others wrote, made harmless, and spans of time."""

from datetime import timedelta


def visible(text: str) -> str:
    """Text that others wrote in one line, with whatever could steer a terminal or a page made visible."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def span(time: timedelta) -> str:
    """A span of time in the two units that matter."""
    whole = int(time.total_seconds())
    if whole < 1:
        return f"{time.microseconds // 1_000} ms"
    if whole < 60:  # noqa: PLR2004  # a minute
        return f"{time.total_seconds():.1f} s"
    minutes, hours, days = whole // 60, whole // 3_600, whole // 86_400
    if not hours:
        return f"{minutes} min {whole % 60} s"
    return f"{hours} h {minutes % 60} min" if not days else f"{days} d {hours % 24} h"
