"""Runs with a random past, and what was answered about them while it was written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from api.ledger import Ledger
from domain.envelopes import RecordedEvent
from domain.refusals import Quarantined, Refusal
from eventstore import store
from tests.histories import Runs, bodies, histories, likely
from tests.runs import Record, Step

Answer = dict[str, Any] | tuple[str, int | None]
"""A run as it was shown, or the refusal to show it and the version that this named."""

READY: Step = ("run.quarantined", None, None, {"legacy": {"state": "READY"}})
REPAIRED: Step = ("run.repaired", "PHASE_EXECUTION", None, {"state": "PHASE_EXECUTION", "reason": "it was"})
LOST: Step = ("phase.quarantined", None, "p2", {})
LABELS = st.dictionaries(st.sampled_from(["team", "a/b", "~", "state"]), st.sampled_from(["x", "y", None]))


@dataclass
class Past:
    """A run, its events, and what was answered about it while they came, by version."""

    ledger: Ledger
    run_id: str
    answers: dict[int | None, Answer] = field(default_factory=dict)

    @property
    def events(self) -> list[RecordedEvent]:
        with self.ledger.reading() as connection:
            return store.read_run(connection, self.run_id)

    def ask(self) -> None:
        """Keep what is answered now."""
        shown = answer(self.ledger, self.run_id)
        self.answers[shown["version"] if isinstance(shown, dict) else shown[1]] = shown


def answer(ledger: Ledger, run_id: str, **then: Any) -> Answer:
    """What is answered to whoever asks for a run."""
    try:
        return ledger.history.run(run_id, **then) if then else ledger.run(run_id)
    except Quarantined as refusal:
        return refusal.code, refusal.current_version


ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], scope="session")
"""For what is the same whichever database was read."""

pasts = settings(histories, max_examples=12)
"""How hypothesis looks for cases; each takes a few dozen commits."""

Live = Callable[[st.DataObject, Ledger], Past]


@pytest.fixture
def live(runs: Runs, record: Record) -> Live:
    """Lets a new run live through anything, with other runs beside it, and asks after every step."""

    def lived(data: st.DataObject, ledger: Ledger) -> Past:
        past = Past(ledger, runs.new())
        if data.draw(st.integers(0, 4)) == 0:
            record(ledger, past.run_id, READY)
            past.ask()
            record(ledger, past.run_id, ("phase.added", "QUEUED", "p1", {}), LOST, REPAIRED)
        else:
            tiers, phases = [{"tier_id": "T1"}], [{"phase_id": "p1", "tier_id": "T1", "scope": {"goal": "a"}}]
            state = data.draw(st.sampled_from(["QUEUED", "RUN_CREATED"]))
            body = {"run_id": past.run_id, "state": state, "tiers": tiers, "phases": phases}
            ledger.create_run(body | {"labels": {"team": "core"}})
        past.ask()
        for _ in range(data.draw(st.integers(1, 12))):
            step(data, ledger, past.run_id)
            past.ask()
        return past

    def step(data: st.DataObject, ledger: Ledger, run_id: str) -> None:
        body: dict[str, Any]
        match data.draw(st.sampled_from(["likely", "likely", "anything", "labels", "note", "elsewhere"])):
            case "elsewhere":
                ledger.create_run({"run_id": runs.new()})
                return
            case "labels":
                body = {"type": "run.labelled", "data": {"labels": data.draw(LABELS)}}
            case "note":
                body = {
                    "type": "phase.annotated",
                    "phase_id": "p1",
                    "data": {"text": data.draw(st.sampled_from("ab"))},
                }
            case "likely":
                body = likely(data.draw, ledger, run_id)
            case _:
                body = data.draw(bodies())
        try:
            ledger.propose(run_id, body)
        except Refusal:
            return

    return lived
