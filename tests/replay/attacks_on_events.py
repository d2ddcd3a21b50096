"""What whoever gets past the guards may do to events that were recorded: take away, put in, move, edit."""

from collections.abc import Iterable

from tests.replay.attacks import RUN, attack, chained, kind, next_of
from tests.replay.logs import TABLES, Log

# --- taken away, put in, or moved ---


def renumbered(log: Log, positions: Iterable[tuple[int, int]]) -> None:
    """Move events to other positions, all at once."""
    moves = list(positions)
    for old, new in moves:
        log.change("UPDATE events SET position = ? WHERE position = ?", -new, old)
    log.change("UPDATE events SET position = -position WHERE position < 0")


@attack("position-missing", "version-missing", "chain-broken", "row-too-many")
def an_event_is_taken_out_of_the_middle_of_a_run(log: Log) -> int:
    event = kind(log, "phase.annotated")
    log.change("DELETE FROM events WHERE position = ?", event.position)
    return event.position


@attack("position-missing")
def the_last_event_of_a_run_is_taken_away_and_the_tables_follow(log: Log) -> int:
    event = log.run(RUN)[-1]
    log.change("DELETE FROM events WHERE position = ?", event.position)
    log.follow(RUN)
    return event.position


@attack("position-missing", "table-differs")
def the_last_event_of_a_run_is_taken_away(log: Log) -> int:
    event = log.run(RUN)[-1]
    log.change("DELETE FROM events WHERE position = ?", event.position)
    return event.position


@attack("position-missing", "row-too-many")
def a_run_is_taken_out_of_the_log(log: Log) -> int:
    log.change("DELETE FROM events WHERE run_id = ?", RUN)
    return log.run(RUN)[0].position


@attack("position-missing")
def a_run_is_taken_away_as_if_it_had_never_been(log: Log) -> int:
    log.change("DELETE FROM events WHERE run_id = ?", RUN)
    log.follow(RUN)
    return log.run(RUN)[0].position


@attack("position-missing", "table-differs")
def the_end_of_the_log_is_cut_off(log: Log) -> int:
    first = len(log.events) - 2
    log.change("DELETE FROM events WHERE position >= ?", first)
    return first


@attack()
def the_end_of_the_log_is_cut_off_and_the_tables_follow(log: Log) -> None:
    first = len(log.events) - 2
    log.change("DELETE FROM events WHERE position >= ?", first)
    for run_id in {event.run_id for event in log.events[first - 1 :]}:
        log.follow(run_id)


@attack("version-missing", "chain-broken", "content-changed", "time-backwards")
def an_event_is_copied_to_another_run(log: Log) -> int:
    copied = kind(log, "run.annotated")._replace(
        position=len(log.events) + 1, event_id="another", run_id="one", version=99
    )
    log.append([copied])
    return copied.position


@attack("content-changed", "table-differs")
def an_event_is_added_without_its_hash(log: Log) -> int:
    event = next_of(log, "one", type="run.held", body="{}")._replace(hash="0" * 64)
    log.append([event])
    return event.position


@attack("table-differs")
def an_event_is_added_and_the_tables_know_nothing_of_it(log: Log) -> int:
    event = next_of(log, "one", type="run.held", body="{}")
    log.append([event])
    return event.position


@attack()
def an_event_is_added_that_could_have_been_recorded(log: Log) -> None:
    log.append([next_of(log, "one", type="run.held", body="{}")])
    log.follow("one")


@attack("content-changed", "chain-broken", "table-differs", "row-missing", "row-too-many")
def an_event_is_put_in_between_and_all_after_it_move_up(log: Log) -> int:
    before, after = (log.run(RUN)[number] for number in (19, 20))
    renumbered(log, ((event.position, event.position + 1) for event in log.events[after.position - 1 :]))
    for event in reversed(log.run(RUN)[20:]):
        log.change("UPDATE events SET version = version + 1 WHERE event_id = ?", event.event_id)
    put_in = before._replace(
        position=after.position, event_id="forged", version=after.version, type="run.held", phase_id=None
    )
    state = next(event.state_after for event in reversed(log.run(RUN)[:20]) if event.phase_id is None)
    put_in = put_in._replace(state_before=state, state_after=state, attempt=None, body="{}")
    log.append(chained([put_in], before.hash))
    return after.position + 1  # what was put in is hashed well; the next one shows that it was


@attack("out-of-order", "time-backwards")
def two_events_of_a_run_change_places_in_the_log(log: Log) -> int:
    one, other = log.run(RUN)[10:12]
    renumbered(log, [(one.position, other.position), (other.position, one.position)])
    return one.position


@attack("content-changed", "chain-broken", "out-of-order", "table-differs")
def two_events_of_a_run_change_places_in_the_run(log: Log) -> int:
    one, other = (kind(log, event_type) for event_type in ("run.held", "run.unheld"))
    for version, position in (
        (-1, one.position),
        (one.version, other.position),
        (other.version, one.position),
    ):
        log.change("UPDATE events SET version = ? WHERE position = ?", version, position)
    return one.position


@attack("time-backwards")
def two_events_of_different_runs_change_places(log: Log) -> int:
    one = log.run(RUN)[-1]
    other = log.events[one.position]
    renumbered(log, [(one.position, other.position), (other.position, one.position)])
    log.follow(one.run_id)
    log.follow(other.run_id)
    return other.position


@attack()
def two_events_of_one_moment_change_places(log: Log) -> None:
    one, other = log.run("one")[0], log.run("two")[0]
    assert one.recorded_at == other.recorded_at
    renumbered(log, [(one.position, other.position), (other.position, one.position)])


# --- edited ---


@attack("content-changed", "table-differs")
def what_an_event_says_is_edited(log: Log) -> int:
    event = kind(log, "run.usage_recorded")
    log.change("UPDATE events SET body = ? WHERE position = ?", '{"tokens_used":1}', event.position)
    return event.position


@attack("content-changed")
def what_an_event_says_is_spelled_in_another_way(log: Log) -> int:
    event = kind(log, "run.usage_recorded")
    log.change("UPDATE events SET body = ? WHERE position = ?", event.body.replace(":", ": "), event.position)
    return event.position


@attack("content-changed")
def a_run_is_renamed(log: Log) -> int:
    for table in TABLES:
        log.change(f"UPDATE {table} SET run_id = ? WHERE run_id = ?", "renamed", RUN)
    return log.run(RUN)[0].position


@attack()
def a_run_is_renamed_and_chained_anew(log: Log) -> None:
    log.rewrite(chained(event._replace(run_id="renamed") for event in log.run(RUN)))
    log.follow(RUN)
    log.follow("renamed")


def edited(log: Log) -> int:
    """Edit an event, and make every hash of the run fit."""
    event = kind(log, "run.usage_recorded")
    log.rewrite(
        chained(
            each._replace(body='{"tokens_used":1}') if each.position == event.position else each
            for each in log.run(RUN)
        )
    )
    return event.position


@attack("table-differs")
def an_event_is_edited_and_its_run_is_chained_anew(log: Log) -> int:
    return edited(log)


@attack()
def an_event_is_edited_and_its_run_is_chained_anew_and_the_tables_follow(log: Log) -> None:
    edited(log)
    log.follow(RUN)


@attack("time-backwards")
def the_last_event_is_dated_back(log: Log) -> int:
    last = log.events[-1]
    dated = chained(
        [last._replace(recorded_at=log.events[-2].recorded_at.replace("20", "19", 1))], last.prev_hash
    )
    log.rewrite(dated)
    log.follow(last.run_id)
    return last.position
