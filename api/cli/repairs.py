"""Commands for what has no legal state, or a wrong one: quarantine, and repair propose, list, show ..."""

from collections.abc import Iterable, Mapping
from shlex import join
from typing import Annotated, Any, Literal

import typer

from api.cli.calls import asked_by, service
from api.cli.options import Actor, AsJson, Database, Key, Limit, Server, an_id
from api.cli.output import note, say, say_json
from api.cli.refused import tell
from api.cli.repair_pages import done, repair_list, repair_page, waiting

Json = Mapping[str, Any]

repair = typer.Typer(
    help="Set a state outside the moves, in the open.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RepairId = Annotated[str, typer.Argument(metavar="REPAIR", help="The repair_id.", callback=an_id)]
Finding = Annotated[str | None, typer.Option(metavar="CODE", help="The finding that it answers.")]
Cursor = Annotated[str | None, typer.Option(help="next_cursor of the page before.")]
OfRun = Annotated[str | None, typer.Option(metavar="RUN", help="Of this run only.", callback=an_id)]


def quarantine(
    run: OfRun = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List what has no legal state, and what repairs it."""
    with service(server, database) as at:
        answer = at.get("/v1/quarantine", run_id=run, cursor=cursor, limit=limit)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("Nothing is in quarantine.")
    for each in page["items"]:
        say(*waiting(each, at.options))
    more(page)


@repair.command()
def propose(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="The run_id.", callback=an_id, show_default=False)
    ] = None,
    state: Annotated[
        str | None, typer.Argument(metavar="STATE", help="The state that it is to be in.", show_default=False)
    ] = None,
    phase: Annotated[
        str | None, typer.Option(metavar="PHASE", help="The phase_id; left out: the run itself.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in its event.")] = None,
    evidence: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What shows it: text or a link; may be repeated.")
    ] = None,
    finding: Finding = None,
    expect: Annotated[
        int | None, typer.Option(metavar="VERSION", min=0, help="Only if the run is at this version.")
    ] = None,
    all_suggested: Annotated[
        bool, typer.Option("--all-suggested", help="What is suggested for all that is in quarantine.")
    ] = False,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Propose a repair, and show what would come of it. Nothing is repaired before it is approved."""
    body: dict[str, Any] = {"reason": reason, "evidence": evidence}
    path = "/v1/repairs/suggested"
    if not all_suggested:
        if run is None or state is None or reason is None:
            raise typer.BadParameter("name RUN, STATE and --reason; or --all-suggested")
        path = "/v1/repairs"
        body |= {"run_id": run, "state": state, "phase_id": phase, "finding": finding}
        body["expected_version"] = expect
    elif (run, state, phase, finding, expect, key) != (None,) * 6:
        raise typer.BadParameter("it takes --reason and --evidence only", param_hint="--all-suggested")
    body = {name: value for name, value in body.items() if value is not None}
    with service(server, database) as at:
        answer = at.post(path, body, asked_by(actor, key))
    if as_json:
        say_json(answer.content)
    elif all_suggested:
        results(answer.json(), at.options, "Nothing in quarantine has a suggestion.")
    else:
        told = answer.json()
        say(*repair_page(told))
        hint(told["repair_id"], at.options)


@repair.command(name="list")
def list_repairs(
    status: Annotated[
        Literal["proposed", "approved", "rejected"] | None,
        typer.Option(metavar="STATUS", help="Those that are proposed, approved or rejected only."),
    ] = None,
    run: OfRun = None,
    finding: Finding = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List repairs, newest first."""
    wanted = {"status": status, "run_id": run, "finding": finding, "cursor": cursor, "limit": limit}
    with service(server, database) as at:
        answer = at.get("/v1/repairs", **wanted)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("No such repairs." if any((status, run, finding, cursor)) else "No repairs.")
        return
    say(repair_list(page["items"]))
    more(page)


@repair.command()
def show(
    repair_id: RepairId, as_json: AsJson = False, server: Server = None, database: Database = None
) -> None:
    """Show a repair. What it changes, what is legal then, and what it contradicts."""
    with service(server, database) as at:
        answer = at.get(f"/v1/repairs/{repair_id}")
    say_json(answer.content) if as_json else say(*repair_page(answer.json()))


@repair.command()
def approve(
    repair_id: Annotated[
        str | None,
        typer.Argument(metavar="REPAIR", help="The repair_id.", callback=an_id, show_default=False),
    ] = None,
    finding: Annotated[
        str | None, typer.Option(metavar="CODE", help="All that are proposed and answer this finding.")
    ] = None,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Approve a repair. It is recorded with who proposed it, who approved it, and why."""
    if (repair_id is None) == (finding is None):
        raise typer.BadParameter("name a REPAIR or a --finding")
    if finding is not None and key is not None:
        raise typer.BadParameter("nothing is approved twice; leave it out", param_hint="--key")
    path = f"/v1/repairs/{repair_id}/approve" if repair_id else "/v1/repairs/approve"
    with service(server, database) as at:
        answer = at.post(path, {"finding": finding} if finding else {}, asked_by(actor, key))
    if as_json:
        say_json(answer.content)
    elif finding is not None:
        results(answer.json(), at.options, f"No repair is proposed that answers {finding}.")
    else:
        say(done(answer.json()))
        replayed(answer)


@repair.command()
def reject(
    repair_id: RepairId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is not approved.")],
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Reject a repair, for a reason. Nothing is recorded in the run."""
    with service(server, database) as at:
        answer = at.post(f"/v1/repairs/{repair_id}/reject", {"reason": reason}, asked_by(actor, key))
    if as_json:
        say_json(answer.content)
    else:
        say(done(answer.json()))
        replayed(answer)


def results(told: Json, options: Iterable[str], nothing: str) -> None:
    """Print what came of several repairs; exit with 1 where one of them was refused."""
    for each in told["results"]:
        if each.get("problem"):
            tell(each["problem"], tuple(options))
        else:
            say(done(each["repair"]))
    if not told["results"]:
        note(nothing)
    if any(each.get("problem") for each in told["results"]):
        raise typer.Exit(1)


def hint(repair_id: str, options: Iterable[str]) -> None:
    """Tell how it goes on."""
    note(f"Nothing is repaired yet: {join(['runnotary', 'repair', 'approve', repair_id, *options])}")


def replayed(answer: Any) -> None:  # an HTTP response
    """Tell where nothing was done, because it had been done before."""
    if answer.headers.get("Idempotent-Replayed") == "true":
        note("It had been decided so before; nothing was added.")


def more(page: Json) -> None:
    """Tell how the list goes on."""
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")
