"""The commands with which people answer what executors ask: `approvals list`, `grant` and `deny`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli import pages
from api.cli.calls import asked_by, service
from api.cli.options import Actor, AsJson, Database, Limit, Server, an_id
from api.cli.output import indented, note, plain, say, say_json
from api.cli.writing import tell

approvals = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Answer what executors ask.")

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="As `runnotary approvals list` says.")]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept, and told to whoever asked.")]
AT_LENGTH = ("decision_info", "deletion_info", "patch_preview")


@approvals.command("list")
def list_approvals(
    every: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Of this run only.", callback=an_id)] = None,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List what waits for an answer, newest first."""
    wanted = {"status": None if every else "pending", "run_id": run, "cursor": cursor, "limit": limit}
    with service(server, database) as at:
        answer = at.get("/v1/approvals", **wanted)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("Nothing was asked." if every else "Nothing waits for an answer.")
        return
    say(*approval_list(page["items"]))
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")


@approvals.command()
def grant(
    number: Number,
    reason: Reason = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Allow what was asked for."""
    answer("run.approval_granted", number, reason, actor, as_json=as_json, at=(server, database))


@approvals.command()
def deny(
    number: Number,
    reason: Reason = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Forbid what was asked for."""
    answer("run.approval_denied", number, reason, actor, as_json=as_json, at=(server, database))


def answer(
    event: str,
    number: int,
    reason: str | None,
    actor: str | None,
    *,
    as_json: bool,
    at: tuple[str | None, str | None],
) -> None:
    """Have an answer recorded."""
    with service(*at) as there:
        asked = there.get(f"/v1/approvals/{number}").json()
        data = {"approval": asked["approval"]} | ({"reason": reason} if reason is not None else {})
        path = f"/v1/runs/{asked['run_id']}/events"
        recorded = there.post(path, {"type": event, "data": data}, asked_by(actor))
    if as_json:
        say_json(recorded.content)
    else:
        tell(recorded.json(), replayed=False)


def approval_list(items: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Requests for approval, each with what was asked and what came of it."""
    for each in items:
        about = " ".join(word for word in (each["run_id"], each["phase_id"]) if word)
        until = f", until {pages.seconds(each['expires_at'])}" if each["expires_at"] else ""
        yield Text.assemble(
            (f"{each['approval_id']}", "bold"),
            plain(f"  {about}  {each['context']}  "),
            (each["status"], "bold"),
            plain(f"  asked {pages.seconds(each['asked_at'])} by {each['asked_by']}{until}"),
        )
        for name in AT_LENGTH:
            if each[name] is not None:
                yield indented(plain(f"{name}: {each[name]}"), 4)
        if each["answered_by"]:
            why = f": {each['reason']}" if each["reason"] else ""
            yield indented(plain(f"{each['status']} by {each['answered_by']}{why}"), 4)
