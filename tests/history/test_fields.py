"""A run as named fields."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.history.fields import BESIDE, changes, flatten, same
from api.ledger import Ledger
from tests.history.conftest import Live, pasts

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, -0.0, "", "1"])
FIELDS = st.dictionaries(st.sampled_from("abcd"), SCALARS | st.lists(SCALARS, max_size=2))


def test_a_run_has_its_fields(ledger: Ledger, a_run: str) -> None:
    """Each value is under its path; phases, tiers and notes under their ids; what is odd is escaped."""
    labels = {"a/b": "1", "~": "2"}
    ledger.propose(a_run, {"type": "run.labelled", "data": {"labels": labels}})
    ledger.propose(a_run, {"type": "phase.annotated", "phase_id": "p1", "data": {"text": "x", "tags": ["t"]}})
    scope = {"goal": "g", "paths": ["a"], "odd": {"x/y": {"z": 1}, "empty": {}}}
    ledger.propose(a_run, {"type": "phase.added", "phase_id": "p4", "data": {"scope": scope}})
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1"})
    failed = {"type": "phase.failed", "phase_id": "p1", "attempt": 1, "data": {"outcome": "CI"}}
    ledger.propose(a_run, failed)
    fields = flatten(ledger.run(a_run))
    expected: dict[str, Any] = {
        "state": "PHASE_EXECUTION",
        "config/token_cap": 5_000_000,
        "usage/tokens_used": 0,
        "labels/team": "core",
        "labels/a~1b": "1",
        "labels/~0": "2",
        "tiers/T1/state": "FAILED",
        "tiers/T2/name": None,
        "phases/p1/state": "FAILED",
        "phases/p1/last_outcome/code": "CI",
        "phases/p2/last_outcome/code": None,
        "phases/p2/scope": None,
        "phases/p3/max_attempts": 2,
        "phases/p4/scope/paths": ["a"],
        "phases/p4/scope/odd/x~1y/z": 1,
        "phases/p4/scope/odd/empty": {},
        "annotations/7/tags": ["t"],
        "annotations/7/phase_id": "p1",
    }
    assert {name: fields.get(name, "(not there)") for name in expected} == expected


@pasts
@given(data=st.data())
def test_nothing_of_a_run_is_lost(ledger: Ledger, live: Live, data: st.DataObject) -> None:
    """Whatever a run shows is in one of its fields, but what changes with every event, and its ids."""
    past = live(data, ledger)
    view = next(each for each in reversed(past.answers.values()) if isinstance(each, dict))
    fields = flatten(view)
    assert not {name.rpartition("/")[2] for name in fields} & (BESIDE - {"version"})
    counted = 0
    for part, without in (
        (view, {"tiers", "phases", "annotations"} | BESIDE),
        *((tier, {"tier_id"}) for tier in view["tiers"]),
        *((phase, {"run_id", "phase_id", "updated_at"}) for phase in view["phases"]),
        *((note, {"version"}) for note in view["annotations"]),
    ):
        counted += sum(
            2 if name == "last_outcome" else len(value) if isinstance(value, dict) else 1
            for name, value in part.items()
            if name not in without
        )
    assert len(fields) == counted


@given(before=FIELDS, after=FIELDS)
def test_changes_lead_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Applied to what was, they make what is, to the type; between equals there are none."""
    made = dict(before)
    for change in changes(before, after):
        assert (change.kind == "added") == (change.field not in before)
        assert (change.kind == "removed") == (change.field not in after)
        if change.kind == "removed":
            del made[change.field]
        else:
            made[change.field] = change.after
    assert repr(sorted(made.items())) == repr(sorted(after.items()))
    assert list(changes(after, dict(after))) == []


def test_a_truth_value_is_no_number() -> None:
    """What JSON writes in different ways is different."""
    for one, other in ((True, 1), (False, 0), (1, 1.0), (0.0, -0.0), ([True], [1]), (None, False)):
        assert not same(one, other)
        assert same(one, one)
    assert same([1, {"a": "x"}], [1, {"a": "x"}])
