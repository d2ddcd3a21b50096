"""The list of runs: its order, its pages and its filters; and what every list refuses."""

from typing import Any

import pytest

from api.commands import NOBODY, by_service
from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.states import RunState
from tests.api.client import Client, next_path, refused, unused

LISTS = ("/v1/runs", "/v1/events", "/v1/refusals", "/v1/seals")


def listed(client: Client, **wanted: Any) -> list[str]:
    return [run["run_id"] for run in client.read("/v1/runs", **wanted)["items"]]


def labelled(client: Client, *many: dict[str, Any]) -> tuple[str, list[str]]:
    """New runs that share a label of their own; the label, and their ids."""
    name = unused("label")
    return name, [client.create(**{**body, "labels": {name: "x", **body.get("labels", {})}}) for body in many]


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 500])
def test_pages_show_each_run_once_newest_first(client: Client, limit: int) -> None:
    """Pages read one after another show every run once, whatever runs come meanwhile."""
    name, made = labelled(client, *[{}] * 7)
    seen = []
    for page in client.pages(f"/v1/runs?label={name}&limit={limit}"):
        assert len(page["items"]) <= limit
        seen += [run["run_id"] for run in page["items"]]
        client.create(labels={name: "later"})
    assert seen == made[::-1]


def test_a_page_leads_on_by_cursor_too(client: Client) -> None:
    """The cursor in the body leads to the same page as the header Link, with the filters that are given."""
    name, _ = labelled(client, *[{}] * 5)
    answer = client.get("/v1/runs", params={"label": f"{name}=x", "limit": 2, "archived": "any"})
    cursor, path = answer.json()["next_cursor"], next_path(answer)
    assert path is not None
    by_hand = client.read("/v1/runs", label=f"{name}=x", limit=2, archived="any", cursor=cursor)
    assert client.read(path) == by_hand
    assert len(by_hand["items"]) == 2


def test_a_listed_run_is_as_it_stands(client: Client) -> None:
    """A run in the list says what it says alone, without its phases and notes."""
    run_id = client.executing("p1", tiers=[{"tier_id": "T1"}], goal="Listed")
    client.record(run_id, "run.annotated", data={"text": "x"})
    (in_list,) = client.read("/v1/runs", q=run_id)["items"]
    alone = client.read(f"/v1/runs/{run_id}")
    assert {**in_list, "phases": alone["phases"], "annotations": alone["annotations"]} == alone
    assert not {"phases", "annotations"} & in_list.keys()


def test_runs_are_found_by_state(client: Client) -> None:
    """One state, or several, choose the runs that are in one of them now."""
    name, (waiting, created, executing) = labelled(client, {"state": "QUEUED"}, {}, {})
    client.record(executing, "run.execution_started")
    assert listed(client, label=name, state="QUEUED") == [waiting]
    assert listed(client, label=name, state=["QUEUED", "PHASE_EXECUTION"]) == [executing, waiting]
    assert listed(client, label=name, state=[*RunState]) == [executing, created, waiting]
    assert listed(client, label=name, state="DONE_SUCCESS") == []


@pytest.mark.parametrize(("state", "meant"), [("READY", []), ("queued", ["QUEUED"]), ("", [])])
def test_an_unknown_state_is_refused_as_a_filter(client: Client, state: str, meant: list[str]) -> None:
    """A state that no run can be in is refused, since an empty list would hide the slip."""
    told = refused(client.get("/v1/runs", params={"state": ["GATE", state]}), 422, "unknown-state")
    assert told["states"] == [*RunState]
    assert told["did_you_mean"][: len(meant)] == meant


def test_runs_are_found_by_label(client: Client) -> None:
    """A label chooses by its name, or by name and value; several have all to be there."""
    name, (one, other, third) = labelled(
        client, {"labels": {"a": "1", "b": "2"}}, {"labels": {"a": "2"}}, {"labels": {"a=b": "c=d", "é": "ü"}}
    )
    assert listed(client, label=[name, "a"]) == [other, one]
    assert listed(client, label=[name, "a=1"]) == [one]
    assert listed(client, label=[name, "a=1", "b=2"]) == [one]
    assert listed(client, label=[name, "a=1", "b=1"]) == []
    assert listed(client, label=[name, "é=ü"]) == [third]
    assert listed(client, label=[name, "a="]) == []
    client.record(one, "run.labelled", data={"labels": {"a": None}})
    client.record(other, "run.labelled", data={"labels": {"a": "1"}})
    assert listed(client, label=[name, "a=1"]) == [other]


def test_no_run_has_two_values_of_one_label(client: Client) -> None:
    """All labels that are named have to be there, so that two values of one name choose no run."""
    name, _ = labelled(client, {"labels": {"a": "1"}}, {"labels": {"a": "2"}})
    assert listed(client, label=[name, "a=1", "a=2"]) == []


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("Größe 100% sure", "0% S"),
        ("a_b", "A_B"),
        ("it's; DROP TABLE runs --", "'S; drop"),
        ("back\\slash", "k\\s"),
    ],
)
def test_runs_are_found_by_their_words(client: Client, goal: str, text: str) -> None:
    """A text is looked for in ids and goals, whatever its case and whatever signs are in it."""
    name, (found, _) = labelled(client, {"goal": goal}, {"goal": "axb backslash 1000 sure"})
    assert listed(client, label=name, q=text) == [found]
    assert listed(client, label=name, q=found.upper()) == [found]
    assert listed(client, label=name, q=goal) == [found]


def test_archived_runs_are_out_of_sight(client: Client) -> None:
    """Archived runs are listed only where they are asked for."""
    name, (one, other) = labelled(client, {}, {})
    client.record(one, "run.archived")
    assert listed(client, label=name) == [other]
    assert listed(client, label=name, archived="false") == [other]
    assert listed(client, label=name, archived="true") == [one]
    assert listed(client, label=name, archived="any") == [other, one]
    client.record(one, "run.unarchived")
    assert listed(client, label=name) == [other, one]


@pytest.mark.parametrize("path", [*LISTS, "/v1/runs/{}/events", "/v1/runs/{}/refusals"])
@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "", "1.5", "99999999999999999999"])
def test_a_limit_is_a_number_from_1_to_500(client: Client, path: str, limit: str) -> None:
    """No list takes another limit, and the refusal names it."""
    answer = client.get(path.format(client.create()), params={"limit": limit})
    told = refused(answer, 422, "invalid-parameter")
    assert [(error["in"], error["name"]) for error in told["errors"]] == [("query", "limit")]


@pytest.mark.parametrize("path", [*LISTS, "/v1/runs/{}/events", "/v1/runs/{}/refusals"])
def test_an_unknown_parameter_is_refused(client: Client, path: str) -> None:
    """A parameter that a list does not know is refused, so that a slip does not list everything."""
    answer = client.get(path.format(client.create()), params={"lable": "team=core"})
    told = refused(answer, 422, "invalid-parameter")
    assert [(error["in"], error["name"]) for error in told["errors"]] == [("query", "lable")]


@pytest.mark.parametrize("path", ["/v1/runs", "/v1/refusals"])
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "1",
        "WyIxIl0",
        "WyIyIiwiYSIsImIiXQ",
        "WyIxIiwxLDJd",
        "W1tbW1tb",
        "bnVsbA",
        "%C3%A9",
        "A" * 500,
    ],
)
def test_a_cursor_that_is_none_is_refused(client: Client, path: str, cursor: str) -> None:
    """What no list gave is refused as a cursor; an empty one begins at the beginning."""
    answer = client.get(f"{path}?cursor={cursor}")
    if cursor == "":
        assert answer.status_code == 200
    else:
        assert refused(answer, 422, "invalid-parameter")["errors"][0]["name"] == "cursor"


@pytest.mark.parametrize(
    ("mark", "event", "data"),
    [
        ("held", "run.held", {}),
        ("preserved", "run.preserved", {"reason": "the baseline"}),
        ("annotated", "run.annotated", {"text": "done by hand"}),
    ],
)
def test_runs_are_found_by_their_marks(client: Client, mark: str, event: str, data: Any) -> None:
    """Those that have a mark, those that have not, or both, as is also listed where nothing is said."""
    name, (one, other) = labelled(client, {}, {})
    client.record(one, event, data=data)
    assert listed(client, **{"label": name, mark: "true"}) == [one]
    assert listed(client, **{"label": name, mark: "false"}) == [other]
    assert listed(client, **{"label": name, mark: "any"}) == listed(client, label=name) == [other, one]


def test_runs_without_a_state_are_found(client: Client) -> None:
    """Quarantined runs are listed among the others, by themselves, or not."""
    name, (run_id,) = labelled(client, {})
    quarantined = EVENTS["run.quarantined"](labels={name: "x"})  # type: ignore[call-arg]  # an opening event
    lost = Proposal(run_id=unused(), event=quarantined)
    client.ledger.committer.commit(by_service(lost.run_id, [lost], NOBODY))
    assert listed(client, label=name) == [lost.run_id, run_id]
    assert listed(client, label=name, quarantined="true") == [lost.run_id]
    assert listed(client, label=name, quarantined="false") == [run_id]


def test_runs_are_found_by_the_tags_of_their_notes(client: Client) -> None:
    """A tag is on a note of the run or of one of its phases; several have all to be there."""
    name, (one, other) = labelled(client, {"phases": [{"phase_id": "p1"}]}, {})
    client.record(one, "phase.annotated", phase_id="p1", data={"text": "x", "tags": ["manual"]})
    client.record(one, "run.annotated", data={"text": "x", "tags": ["build-132", "manual"]})
    client.record(other, "run.annotated", data={"text": "manual", "tags": ["by hand"]})
    assert listed(client, label=name, tag="manual") == [one]
    assert listed(client, label=name, tag=["manual", "build-132"]) == [one]
    assert listed(client, label=name, tag=["manual", "by hand"]) == []
    assert listed(client, label=name, tag="by hand") == [other]


@pytest.mark.parametrize("mark", ["archived", "held", "preserved", "annotated", "quarantined"])
@pytest.mark.parametrize("word", ["yes", "", "TRUE", "1"])
def test_a_mark_is_asked_for_in_one_of_three_words(client: Client, mark: str, word: str) -> None:
    """The filter of a mark is true, false or any."""
    answer = client.get("/v1/runs", params={mark: word})
    assert refused(answer, 422, "invalid-parameter")["errors"][0]["name"] == mark


@pytest.mark.parametrize("asked", [{"q": "\x00"}, {"label": "\x00"}, {"label": "a=\x00"}, {"tag": "\x00"}])
def test_a_nul_is_looked_for_nowhere(client: Client, asked: dict[str, str]) -> None:
    """PostgreSQL cannot even compare with one: it is refused before."""
    refused(client.get("/v1/runs", params=asked), 422, "invalid-parameter")
