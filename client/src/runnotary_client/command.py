"""The `runnotary-client` command: what waits in a spool, and what was refused from it."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runnotary_client.clients import Client
from runnotary_client.errors import RunnotaryError
from runnotary_client.spool import Kept, Spool

DONE, LEFT, USAGE = 0, 1, 2
NUMBER_DIGITS = 18
"""What SQLite can count to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that was typed; its exit code: 1 where something is left or not there."""
    given = parser().parse_args(arguments)
    if given.spool is None:
        parser().error("name the spool: --spool FILE, or RUNNOTARY_SPOOL")
    if not Path(given.spool).exists():
        sys.stderr.write(f"There is no spool {given.spool}.\n")
        return USAGE
    try:
        code: int = given.do(given)
    except RunnotaryError as error:
        sys.stderr.write(f"{error}\n")
        return LEFT
    return code


def parser() -> argparse.ArgumentParser:
    """What can be typed."""
    made = argparse.ArgumentParser(
        prog="runnotary-client", description="Look after what could not be delivered."
    )
    groups = made.add_subparsers(required=True, metavar="COMMAND")
    spool = groups.add_parser("spool", help="Proposals that could not be delivered.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--spool", metavar="FILE", default=os.environ.get("RUNNOTARY_SPOOL"), help="The spool."
    )
    commands = spool.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", parents=[shared], help="What waits, and what was refused.")
    listing.add_argument("--json", action="store_true", help="One JSON object a line, with everything.")
    listing.set_defaults(do=list_them)

    deliver = commands.add_parser("deliver", parents=[shared], help="Deliver what waits, in order.")
    deliver.add_argument("--server", metavar="URL", help="The service; else RUNNOTARY_SERVER.")
    deliver.add_argument("--refused", action="store_true", help="Ask again for what was refused, too.")
    deliver.set_defaults(do=deliver_them)

    show = commands.add_parser("show", parents=[shared], help="One proposal, and why it was refused.")
    show.add_argument("number", type=number, metavar="NUMBER")
    show.set_defaults(do=show_it)

    drop = commands.add_parser("drop", parents=[shared], help="Forget a proposal: it will not be recorded.")
    drop.add_argument("number", type=number, metavar="NUMBER")
    drop.set_defaults(do=drop_it)
    return made


def number(said: str) -> int:
    """The number of a proposal.

    Raises:
        argparse.ArgumentTypeError: it can be of none.
    """
    if not (said.isdecimal() and 0 < int(said[: NUMBER_DIGITS + 1]) < 10**NUMBER_DIGITS):
        raise argparse.ArgumentTypeError(f"{said!r} is no number that `list` shows")
    return int(said)


def list_them(given: argparse.Namespace) -> int:
    """A line for each; 1 where there is one."""
    entries = Spool(given.spool).entries()
    for kept in entries:
        sys.stdout.write(f"{json.dumps(asdict(kept)) if given.json else line(kept)}\n")
    if not entries and not given.json:
        sys.stdout.write("Nothing waits, and nothing was refused.\n")
    return LEFT if entries else DONE


def line(kept: Kept) -> str:
    """A proposal in a line."""
    of_phase = f" {kept.body['phase_id']}" if "phase_id" in kept.body else ""
    of_attempt = f" ({kept.body['attempt']})" if "attempt" in kept.body else ""
    state = f"refused: {kept.problem['code']}" if kept.problem is not None else "waits"
    kind = kept.body.get("type", kept.path)
    return f"{kept.number:>5}  {kept.kept_at[:19]}Z  {kept.run_id}{of_phase}{of_attempt}  {kind}  {state}"


def deliver_them(given: argparse.Namespace) -> int:
    """Deliver, and say what became of it; 1 where something waits or is refused."""
    client = Client(given.server, spool=given.spool)
    try:
        delivery = client.deliver(refused_ones=given.refused)
    finally:
        client.close()
    sys.stdout.write(f"{delivery.delivered} delivered, {delivery.refused} refused.\n")
    if delivery.stopped_by is not None:
        sys.stderr.write(f"The rest waits: {delivery.stopped_by}\n")
        return LEFT
    return LEFT if delivery.refused else DONE


def show_it(given: argparse.Namespace) -> int:
    """All of one."""
    kept = Spool(given.spool).get(given.number)
    if kept is None:
        sys.stderr.write(f"There is no {given.number} in {given.spool}.\n")
        return LEFT
    sys.stdout.write(f"{json.dumps(asdict(kept), indent=2, ensure_ascii=False)}\n")
    return DONE


def drop_it(given: argparse.Namespace) -> int:
    """Forget one."""
    if not Spool(given.spool).drop(given.number):
        sys.stderr.write(f"There is no {given.number} in {given.spool}.\n")
        return LEFT
    sys.stdout.write(f"{given.number} is dropped; it will not be recorded.\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
