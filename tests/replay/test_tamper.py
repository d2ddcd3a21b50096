"""What whoever gets past the guards can do, and what `verify` says of it."""

from collections.abc import Iterator, Sequence

import pytest

from api.replay.report import Report
from domain.envelopes import RecordedEvent
from eventstore.seals import Entry, Seal, seal
from tests.replay.attacks import Attack, attacked
from tests.replay.every_attack import ATTACKS
from tests.replay.logs import Log

STRETCH = 40
OF_SEALS = {"seal-differs", "log-cut-off"}


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


SOME = ATTACKS[::4]
"""Those that are tried on PostgreSQL too, where the same is said for the same reasons."""

on_both = pytest.mark.parametrize(
    ("backend", "attack"),
    [
        pytest.param(backend, attack, id=f"{backend}-{attack.name}")
        for backend, attacks in (("sqlite", ATTACKS), ("postgresql", SOME))
        for attack in attacks
    ],
    indirect=["backend"],
    scope="session",
)


@on_both
def test_what_an_attack_leaves_behind(log: Log, attack: Attack) -> None:
    """Verify finds it or, without a hash that was kept elsewhere, cannot; and it names the place."""
    with attacked(log, attack) as position:
        report = log.verified()
    assert (codes(report), report.first_bad_position) == (set(attack.finds), position)


@on_both
def test_a_copy_of_the_seals_shows_what_no_chain_can(log: Log, attack: Attack) -> None:
    """Any event that is not where it was with the hash that it had, and in which stretch that is."""
    kept = list(sealed(log.events))
    was = [(event.position, event.hash) for event in log.events]
    with attacked(log, attack):
        now = log.rows("SELECT position, hash FROM events ORDER BY position")
        found = [each for each in log.verified(kept=kept).findings if each.code in OF_SEALS]
    changed = [position for position, _ in {*was} ^ {*now} if position <= len(was)]
    assert bool(found) == bool(changed)
    if changed:
        assert found[0].facts["first_position"] <= min(changed) <= found[0].facts["last_position"]


def sealed(events: Sequence[RecordedEvent]) -> Iterator[Seal]:
    """Seals over these events, each over a stretch of them."""
    last = None
    for first in range(0, len(events), STRETCH):
        entries = [
            Entry(each.position, each.hash, each.recorded_at) for each in events[first : first + STRETCH]
        ]
        last = seal(entries, last, entries[-1].recorded_at, None)
        yield last


def test_a_log_that_was_put_right_is_sound(log: Log) -> None:
    """Nothing of an attack is left for the next one."""
    assert log.verified().view() == {
        "ok": True,
        "up_to": len(log.events),
        "events": len(log.events),
        "runs": len({event.run_id for event in log.events}),
        "found": 0,
        "first_bad_position": None,
        "findings": [],
    }
