"""What whoever gets past the guards may append, with the right hash, that the service would not record.

The tables follow.
"""

from typing import Any

from tests.replay.attacks import attack, chained, next_of
from tests.replay.logs import Log


def appended(log: Log, **values: Any) -> int:
    event = next_of(log, "one", **{"type": "run.held", "body": "{}", **values})
    log.append([event])
    log.follow("one")
    return event.position


@attack("illegal-move")
def a_move_that_is_not_legal_is_appended(log: Log) -> int:
    return appended(log, type="run.created", state_after="RUN_CREATED")


@attack("illegal-move")
def a_state_that_nobody_knows_is_appended(log: Log) -> int:
    return appended(log, type="run.repaired", state_after="READY", body='{"state":"READY"}')


@attack("illegal-move")
def a_word_for_having_no_state_is_appended_as_a_state(log: Log) -> int:
    return appended(log, type="run.repaired", state_after="(quarantined)")


@attack("illegal-move")
def a_state_without_a_name_is_appended(log: Log) -> int:
    return appended(log, type="run.repaired", state_after="")


@attack("unknown-event")
def an_event_that_nobody_knows_is_appended(log: Log) -> int:
    return appended(log, type="run.paused")


@attack("state-before-differs")
def a_state_before_is_made_up(log: Log) -> int:
    return appended(log, state_before="PHASE_EXECUTION")


@attack("illegal-move")
def an_event_of_a_phase_is_appended_to_a_run(log: Log) -> int:
    return appended(log, type="phase.annotated", body='{"text":"x"}')


@attack("illegal-move")
def an_event_of_a_run_is_appended_to_a_phase(log: Log) -> int:
    return appended(log, phase_id="p1", state_before=None, state_after=None)


@attack("illegal-move")
def a_phase_without_a_name_is_appended(log: Log) -> int:
    return appended(log, type="phase.added", phase_id="", state_before=None, state_after="QUEUED")


@attack("illegal-move")
def a_phase_is_appended_before_its_run(log: Log) -> int:
    log.append(
        chained(
            [
                log.events[-1]._replace(
                    position=len(log.events) + 1,
                    event_id="forged",
                    run_id="ghost",
                    version=1,
                    type="phase.added",
                    phase_id="p1",
                    state_before=None,
                    state_after="QUEUED",
                )
            ]
        )
    )
    log.follow("ghost")
    return len(log.events) + 1


@attack("unreadable")
def a_body_that_is_a_list_is_appended(log: Log) -> int:
    return appended(log, body="[]")


@attack("unreadable")
def a_body_that_is_no_json_is_appended(log: Log) -> int:
    return appended(log, body="{")


@attack("unreadable")
def a_body_that_is_too_deep_is_appended(log: Log) -> int:
    deep = '{"scope":{"a":' + "[" * 400 + "]" * 400 + "}}"
    return appended(
        log, type="phase.added", phase_id="p1", state_before=None, state_after="QUEUED", body=deep
    )
