"""Times are kept as one kind of text, which sorts as time goes on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.proposals import proposed_event
from domain.refusals import InvalidBody
from domain.times import moment, normalised, stamp
from tests.domain.conftest import RUN_ID, UNHURRIED

SAID = {
    "2026-11-22T10:00:00Z": "2026-11-22T10:00:00.000000Z",
    "2026-11-22t10:00:00z": "2026-11-22T10:00:00.000000Z",
    "2026-11-22 10:00:00Z": "2026-11-22T10:00:00.000000Z",
    "2026-11-22T10:00:00.5Z": "2026-11-22T10:00:00.500000Z",
    "2026-11-22T10:00:00.123456Z": "2026-11-22T10:00:00.123456Z",
    "2026-11-22T10:00:00.1234569Z": "2026-11-22T10:00:00.123456Z",
    "2026-11-22T10:00:00.999999999Z": "2026-11-22T10:00:00.999999Z",
    "2026-11-22T10:00:00+00:00": "2026-11-22T10:00:00.000000Z",
    "2026-11-22T10:00:00-00:00": "2026-11-22T10:00:00.000000Z",
    "2026-11-22T12:30:00+02:30": "2026-11-22T10:00:00.000000Z",
    "2026-12-31T23:30:00-01:00": "2027-01-01T00:30:00.000000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
    "2024-02-29T00:00:00Z": "2024-02-29T00:00:00.000000Z",
}
NO_TIMES = [
    *("", "now", "2026-11-22", "10:00:00Z", "2026-11-22T10:00:00", "2026-11-22T10:00Z", "1763805600"),
    *("2026-11-22T10:00:00 Z", " 2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z\n", "20261122T100000Z"),
    *(
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00,5Z",
        "2026-11-22T10:00:00.1234567890Z",
        "2026-11-22T10:00:00+0200",
    ),
    *("2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T24:00:01Z", "2026-11-22T10:60:00Z"),
    *(
        "2026-11-22T10:00:60Z",
        "0000-01-01T00:00:00Z",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00+99:99",
    ),
    *(
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-W47-7T10:00:00Z",
        "٢٠٢٦-11-22T10:00:00Z",
    ),
    *("-2026-11-22T10:00:00Z", "+12026-11-22T10:00:00Z", "2026-11-22T10:00:00Z[UTC]"),
]


@pytest.mark.parametrize(("said", "kept"), SAID.items())
def test_a_time_is_kept_as_one_text(said: str, kept: str) -> None:
    """Any RFC 3339 time becomes UTC with six decimals; what is finer is cut off."""
    assert normalised(said) == kept
    assert normalised(kept) == kept
    assert proposed_event({"type": "run.created", "occurred_at": said}, RUN_ID).occurred_at == kept


@pytest.mark.parametrize("said", NO_TIMES)
def test_what_is_no_time_is_refused_where_it_stands(said: str) -> None:
    """A date, a local time, a time that never was: each is refused, with a pointer."""
    with pytest.raises(ValueError, match=r"."):
        normalised(said)
    with pytest.raises(InvalidBody) as refusal:
        proposed_event({"type": "run.created", "occurred_at": said}, RUN_ID)
    assert [error["pointer"] for error in refusal.value.errors] == ["/occurred_at"]


@pytest.mark.parametrize("said", NO_TIMES)
def test_why_it_is_no_time_is_said_for_people(said: str) -> None:
    """The reason speaks of times, not of what the service is written in."""
    with pytest.raises(InvalidBody) as refusal:
        proposed_event({"type": "run.created", "occurred_at": said}, RUN_ID)
    assert [
        word for word in ("isoformat", "timedelta", "datetime", "tzinfo") if word in refusal.value.detail
    ] == []


@pytest.mark.parametrize("said", [5, 5.0, True, ["2026-11-22T10:00:00Z"], {}])
def test_a_time_is_text(said: object) -> None:
    """Seconds since some epoch are no time here."""
    with pytest.raises(InvalidBody):
        proposed_event({"type": "run.created", "occurred_at": said}, RUN_ID)


def test_an_event_need_not_say_when_it_happened() -> None:
    """Left out or null, the time is for the service to say."""
    for raw in ({"type": "run.created"}, {"type": "run.created", "occurred_at": None}):
        assert proposed_event(raw, RUN_ID).occurred_at is None


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
@UNHURRIED
def test_texts_sort_as_times_do(one: datetime, other: datetime) -> None:
    """Every stored time has the same width, so text order is time order, and it reads back exactly."""
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == 27
    assert moment(stamp(one)) == one
    assert normalised(stamp(one)) == stamp(one)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001  # the zone comes next
@UNHURRIED
def test_a_time_is_the_same_in_every_zone(naive: datetime, minutes: int) -> None:
    """Whatever offset a time is told with, the same moment is kept."""
    local = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert normalised(local.isoformat()) == stamp(local)
    assert moment(normalised(local.isoformat())) == local


@given(
    st.text(max_size=40)
    | st.from_regex(r"\A\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
)
@UNHURRIED
def test_any_text_is_a_time_or_is_not(text: str) -> None:
    """No text breaks the clock: it is normalised or refused."""
    try:
        kept = normalised(text)
    except ValueError:
        return
    assert normalised(kept) == kept
    assert len(kept) == 27
