"""Times as they are stored, hashed and shown: RFC 3339 text in UTC, six decimals, `Z`.

Of one width, so that they sort as text; kept as text, so that what was hashed is what is shown.
"""

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z")


def stamp(time: datetime) -> str:
    """This aware time as text."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def normalised(text: str) -> str:
    """Any RFC 3339 time as the one text that we keep.

    Raises:
        ValueError: it is not RFC 3339, or names no offset from UTC.
    """
    if not _RFC3339.match(text):
        msg = "a time is RFC 3339 with an offset, as 2026-11-22T10:00:00Z"
        raise ValueError(msg)
    # Python keeps six decimals and reads no more than six.
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
    try:
        return stamp(datetime.fromisoformat(text))
    except (OverflowError, ValueError) as error:
        msg = "there is no such time between the years 1 and 9999"
        raise ValueError(msg) from error


def moment(text: str) -> datetime:
    """The time that a stored text stands for."""
    return datetime.fromisoformat(text)


def later(text: str, seconds: int) -> str:
    """The stored text of so many seconds later; the last time that there is where that is beyond it."""
    try:
        return stamp(moment(text) + timedelta(seconds=seconds))
    except OverflowError:
        return stamp(datetime.max.replace(tzinfo=UTC))
