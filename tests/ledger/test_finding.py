"""Finding runs: whatever filters are combined, the list is what the folded runs say."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.commands import NOBODY, by_service
from api.ledger import Ledger
from api.settings import Settings
from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.run import Run
from tests.databases import Scratch

NOTES: list[list[dict[str, Any]]] = [
    [],
    [{"type": "run.annotated", "data": {"text": "plain"}}],
    [{"type": "run.annotated", "data": {"text": "x", "tags": ["manual", "hand"]}}],
    [{"type": "phase.annotated", "phase_id": "p1", "data": {"text": "x", "tags": ["manual", '","']}}],
]
LABELS: list[dict[str, str]] = [{}, {"team": "core"}, {"team": "web", "odd": ""}]
MARKS = ("held", "preserved", "archived")
TAGS = ("manual", "hand", '","', "Manual", "")
SWITCH = st.sampled_from([None, True, False])
WANTED = st.fixed_dictionaries(
    {
        "states": st.lists(st.sampled_from(["RUN_CREATED", "QUEUED", "DONE_FAILED_ENVIRONMENT"]), max_size=2),
        "labels": st.lists(
            st.tuples(st.sampled_from(["team", "odd", "x"]), st.sampled_from([None, "core", "web", ""])),
            max_size=2,
        ),
        "tags": st.lists(st.sampled_from(TAGS), max_size=2),
        "text": st.sampled_from([None, "", "GOAL-1", "run-2", "%"]),
        "annotated": SWITCH,
        "quarantined": SWITCH,
        **dict.fromkeys(MARKS, SWITCH),
    }
)


@pytest.fixture(scope="module")
def ledger(backend: str, scratch_database: Scratch) -> Iterator[Ledger]:
    """A ledger with runs that have every combination of marks, notes and labels, and some without a state."""
    with scratch_database(backend) as url, Ledger.open(Settings(database_url=url)) as opened:
        for number, case in enumerate(product(product([False, True], repeat=len(MARKS)), NOTES, LABELS)):
            marks, notes, labels = case
            run_id = f"run-{number}"
            steps: list[dict[str, Any]] = [
                {"type": "run.created", "data": {"goal": f"Goal-{number}", "labels": labels}},
                {"type": "phase.added", "phase_id": "p1"},
                *notes,
                *({"type": f"run.{mark}"} for mark, is_set in zip(MARKS, marks, strict=True) if is_set),
                *([{"type": "run.failed_environment"}] if number % 3 == 0 else []),
            ]
            if "preserved" in (step["type"].removeprefix("run.") for step in steps):
                steps.sort(key=lambda step: step["type"] == "run.preserved")
            opened.propose_all([{**step, "run_id": run_id} for step in steps])
        for number, labels in enumerate(LABELS):
            quarantined = EVENTS["run.quarantined"](labels=labels)  # type: ignore[call-arg]  # an opening event
            proposal = Proposal(run_id=f"lost-{number}", event=quarantined)
            opened.committer.commit(by_service(proposal.run_id, [proposal], NOBODY))
        yield opened


@pytest.fixture(scope="module")
def folded(ledger: Ledger) -> list[Run]:
    """All runs as the log makes them, newest first."""
    there = ledger.runs(archived=None, limit=500)
    assert len(there) == 2**3 * len(NOTES) * len(LABELS) + len(LABELS)
    return [ledger.folded(run["run_id"]) for run in there]


FITS: dict[str, Callable[[Run, Any], bool]] = {
    "states": lambda run, states: not states or run.state in states,
    "labels": lambda run, pairs: all(
        name in run.labels and value in (None, run.labels[name]) for name, value in pairs
    ),
    "tags": lambda run, tags: {*tags} <= {tag for note in run.annotations for tag in note.tags},
    "text": lambda run, text: not text or text.lower() in f"{run.run_id}\n{run.goal}".lower(),
    "annotated": lambda run, wanted: wanted in (None, bool(run.annotations)),
    "quarantined": lambda run, wanted: wanted in (None, run.state is None),
    "held": lambda run, wanted: wanted in (None, run.held),
    "preserved": lambda run, wanted: wanted in (None, run.preserved),
    "archived": lambda run, wanted: wanted in (None, run.archived),
}
"""What each filter means, in words of a folded run."""


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=WANTED)
def test_filters_choose_the_runs_that_fit_all_of_them(
    ledger: Ledger, folded: list[Run], wanted: dict[str, Any]
) -> None:
    """Every combination of filters lists what filtering the folded runs leaves, in the same order."""
    fitting = [run.run_id for run in folded if all(fits(run, wanted[name]) for name, fits in FITS.items())]
    assert [run["run_id"] for run in ledger.runs(limit=500, **wanted)] == fitting


@pytest.mark.parametrize("name", ["held", "preserved", "archived", "annotated", "quarantined"])
def test_a_mark_parts_the_runs_in_two(ledger: Ledger, folded: list[Run], name: str) -> None:
    """Those that have it and those that have not are all, and both are some."""

    def marked(is_set: bool) -> set[str]:
        wanted: dict[str, Any] = {"archived": None, name: is_set}
        return {run["run_id"] for run in ledger.runs(limit=500, **wanted)}

    have, lack = marked(True), marked(False)
    assert have
    assert lack
    assert not have & lack
    assert have | lack == {run.run_id for run in folded}
