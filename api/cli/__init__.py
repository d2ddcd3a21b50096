"""The `runnotary` command, one file a group of commands."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from api.cli import (
    approvals,
    audit,
    carrying,
    demo,
    following,
    history,
    importing,
    keeping,
    leasing,
    machine,
    reading,
    recording,
    rehearsing,
    repairs,
    replay,
    seals,
    serving,
    stats,
    upkeep,
    webhooks,
    writing,
)

app = typer.Typer(
    name="runnotary",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    serving.serve,
    demo.demo,
    writing.create,
    reading.runs,
    reading.show,
    reading.log,
    following.tail,
    audit.audit,
    reading.moves,
    rehearsing.dry_run,
    history.diff,
    history.blame,
    history.bisect,
    writing.propose,
    keeping.annotate,
    keeping.label,
    *keeping.MARKING,
    leasing.claim,
    leasing.heartbeat,
    leasing.leases,
    reading.refusals,
    repairs.quarantine,
    stats.stats,
    seals.seals,
    replay.verify,
    replay.rebuild,
    recording.replay_recording,
    machine.machine,
    machine.schema,
    carrying.export,
    carrying.restore,
    importing.import_autopack,
    upkeep.doctor,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(approvals.approvals, name="approvals")
app.add_typer(repairs.repair, name="repair")
app.add_typer(webhooks.webhooks, name="webhooks")
app.add_typer(upkeep.db, name="db")


def print_version(wanted: bool) -> None:
    """Print the version, and no more."""
    if wanted:
        typer.echo(f"runnotary {version('runnotary')}")
        raise typer.Exit


@app.callback()
def runnotary(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep the record of autonomous runs: propose events, and read what became of them."""


def main() -> None:
    """Run the command that was typed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it is None where the shell closed it
            stream.reconfigure(errors="replace")  # a character that a terminal lacks is no reason to fail
    try:
        app(prog_name="runnotary")
    except OSError as error:  # the disk behind standard output is full
        sys.exit(f"runnotary: {error}")
