"""What whoever gets past the guards may do to the tables that are made from a log, the log being right."""

from tests.replay.attacks import RUN, attack, kind
from tests.replay.logs import Log


@attack("table-differs")
def a_run_is_READY(log: Log) -> int:  # noqa: N802  # as it was written
    log.change("UPDATE runs SET state = ? WHERE run_id = ?", "READY", RUN)
    return kind(log, "run.reopened").position


@attack("table-differs")
def a_phase_is_set_back_to_what_it_was(log: Log) -> int:
    log.change("UPDATE phases SET state = ? WHERE run_id = ? AND phase_id = ?", "EXECUTING", RUN, "p1")
    return kind(log, "phase.completed").position


@attack("table-differs")
def a_count_is_made_up(log: Log) -> int:
    log.change("UPDATE runs SET tokens_used = ? WHERE run_id = ?", 7, RUN)
    return kind(log, "run.usage_recorded").position


@attack("table-differs")
def a_document_is_spelled_in_another_way(log: Log) -> int:
    log.change("UPDATE runs SET config = replace(config, ?, ?) WHERE run_id = ?", ":", ": ", RUN)
    return kind(log, "run.created").position


@attack("row-missing")
def a_row_is_deleted(log: Log) -> int:
    log.change("DELETE FROM phases WHERE run_id = ? AND phase_id = ?", RUN, "p2")
    return next(event for event in log.run(RUN) if event.phase_id == "p2").position


@attack("row-too-many")
def a_phase_that_never_was_has_a_row(log: Log) -> None:
    row = log.rows_of("phases", RUN)[0]
    log.insert("phases", [{**row, "phase_id": "p9"}])


@attack("row-too-many")
def a_run_that_never_was_has_a_row(log: Log) -> None:
    (row,) = log.rows_of("runs", RUN)
    log.insert("runs", [{**row, "run_id": "ghost"}])


@attack("table-differs")
def a_label_is_edited(log: Log) -> int:
    log.change("UPDATE run_labels SET value = ? WHERE run_id = ? AND name = ?", "x", RUN, "team")
    return kind(log, "run.created").position


@attack("row-too-many")
def a_label_that_was_taken_off_is_back(log: Log) -> int:
    log.insert("run_labels", [{"run_id": RUN, "name": "old", "value": "x"}])
    return kind(log, "run.labelled").position


@attack("table-differs")
def a_note_is_edited(log: Log) -> int:
    note = kind(log, "phase.annotated")
    log.change("UPDATE annotations SET text = ? WHERE run_id = ? AND version = ?", "x", RUN, note.version)
    return note.position


@attack("row-missing")
def a_note_is_deleted(log: Log) -> int:
    note = kind(log, "phase.annotated")
    log.change("DELETE FROM annotations WHERE run_id = ? AND version = ?", RUN, note.version)
    return note.position


@attack("guards-missing", guards_are_put_back=False)
def the_guards_are_dropped(log: Log) -> None:
    """Nothing else is done."""
