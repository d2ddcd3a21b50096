"""Figures over HTTP."""

from typing import Any

import pytest

from tests.api.client import Client, refused, unused

PATH = "/v1/stats"


def failing(client: Client, **body: Any) -> str:
    """A run with a failed attempt, which has failed; its id."""
    run_id = client.executing("p1", **body)
    client.record(run_id, "phase.started", phase_id="p1")
    client.record(run_id, "phase.failed", phase_id="p1", attempt=1, data={"outcome": "CI_FAILED"})
    client.record(run_id, "run.failed_environment")
    return run_id


def test_figures_of_a_label_are_told_by_its_values(client: Client) -> None:
    """A name tells its values apart, the most runs first; name=value is one of them."""
    name = unused("team")
    failing(client, labels={name: "core"})
    client.create(labels={name: "web"})
    client.create(labels={name: "web"})
    told = client.read(PATH, label=name)
    assert told["now"]["runs"]["all"] == 3
    assert told["happened"]["runs"] == {"ended": 1, "failed": 1, "failure_rate": 1.0, "reopened": 0}
    assert told["outcomes"] == {"CI_FAILED": 1}
    (label,) = told["by_label"]
    assert [(each["value"], each["runs"]) for each in label["values"]] == [("web", 2), ("core", 1)]
    core = client.read(PATH, label=f"{name}=core")
    assert (core["now"]["runs"]["all"], core["by_label"]) == (1, [])
    assert core["happened"] == label["values"][1]["happened"]
    both = client.read(PATH, label=[name, f"{name}=web"])
    assert [each["value"] for each in both["by_label"][0]["values"]] == ["web"]


def test_notes_and_keeping_leave_the_figures_of_failure(client: Client) -> None:
    """Completed by hand is a note: what failed has failed, and stays in the figures in the archive too."""
    name = unused("team")
    run_id = failing(client, labels={name: "core"})
    before = client.read(PATH, label=name)
    client.record(run_id, "run.annotated", data={"text": "completed by hand", "tags": ["manual"]})
    client.record(run_id, "run.archived")
    after = client.read(PATH, label=name)
    for part in ("runs", "ends", "attempts"):
        assert after["happened"][part] == before["happened"][part]
    assert after["outcomes"] == before["outcomes"]
    assert after["happened"]["annotated"] == {"runs": 1, "phases": 0}
    assert (after["now"]["runs"]["archived"], after["now"]["runs"]["annotated"]) == (1, 1)
    assert client.read(PATH, label=name, archived="false")["happened"]["runs"]["failed"] == 0


def test_days_choose_what_happened_and_not_what_is(client: Client) -> None:
    """Before the first day nothing happened; the runs are there all the same."""
    name = unused("team")
    failing(client, labels={name: "core"})
    told = client.read(PATH, label=name, until="2000-01-01")
    assert (told["by_day"], told["happened"]["runs"]["ended"]) == ([], 0)
    assert told["now"]["runs"]["all"] == 1
    (day,) = client.read(PATH, label=name)["by_day"]
    assert client.read(PATH, label=name, since=day["day"], until=day["day"])["by_day"] == [day]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ({"since": "2026-02-31"}, "since"),
        ({"since": "20260101"}, "since"),
        ({"until": "1700000000"}, "until"),
        ({"until": "2026-01-01T00:00:00Z"}, "until"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "until"),
        ({"archived": "yes"}, "archived"),
        ({"label": "\x00"}, "label"),
        ({"lable": "team"}, "lable"),
        ({"limit": "5"}, "limit"),
    ],
)
def test_what_is_no_question_is_refused(client: Client, wanted: dict[str, str], name: str) -> None:
    """A day that is not in the calendar, days the wrong way round, a parameter that there is not."""
    told = refused(client.get(PATH, params=wanted), 422, "invalid-parameter")
    assert told["errors"][0]["name"] == name
