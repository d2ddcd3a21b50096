"""A run followed event by event."""

from hypothesis import given
from hypothesis import strategies as st

from api.history.follow import follow
from api.ledger import Ledger
from api.views import run_view
from domain.evolve import fold
from tests.history.conftest import Live, pasts


@pasts
@given(data=st.data())
def test_every_step_is_what_the_fold_makes(ledger: Ledger, live: Live, data: st.DataObject) -> None:
    """What is kept from one step to the next is what would be made anew; what an event touches is told."""
    past = live(data, ledger)
    ledger.propose(past.run_id, {"type": "phase.annotated", "phase_id": "p1", "data": {"text": "the last"}})
    events = past.events
    steps = 0
    for seen in follow(events):
        run = fold(events[: seen.event.version])
        assert run is not None
        assert seen.view == run_view(run)
        assert seen.phase is None or seen.phase in seen.view["phases"]
        assert (seen.phase is None) == (seen.event.phase_id is None)
        is_note = seen.event.type.endswith(".annotated")
        assert (
            (seen.note is not None)
            == is_note
            == any(note["version"] == seen.event.version for note in seen.view["annotations"])
        )
        steps += 1
    assert steps == len(events)
