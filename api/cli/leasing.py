"""Commands of executors that share the work, and of those who look after them: claim, heartbeat, leases."""

from typing import Annotated

import typer

from api.cli import pages
from api.cli.calls import asked_by, service
from api.cli.options import Actor, AsJson, Database, Key, Limit, RunId, Server, an_id
from api.cli.output import note, plain, say, say_json
from api.cli.writing import label_given

NOTHING = 3
"""Exit code of a claim that found nothing: neither done, nor refused."""


def claim(
    executor: Annotated[str, typer.Option(metavar="NAME", help="Who is going to work on it.")],
    lease: Annotated[
        int,
        typer.Option(
            "--lease-seconds",
            metavar="N",
            min=1,
            help="Seconds without a heartbeat after which the attempt counts as lost.",
        ),
    ] = 300,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only of runs with this label; may be repeated."),
    ] = None,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Claim the phase that has waited longest.

    Prints RUN PHASE ATTEMPT. Exits with 3, and prints none, where no phase may start now.
    """
    body = {"executor": executor, "lease_seconds": lease}
    if label:
        body["labels"] = dict(label_given(each) for each in label)
    with service(server, database) as at:
        answer = at.post("/v1/claims", body, asked_by(actor, key))
    if not answer.content:
        note("No phase may start now.")
        raise typer.Exit(NOTHING)
    if as_json:
        say_json(answer.content)
        return
    told = answer.json()
    phase, until = told["phase"], told["lease"]["expires_at"]
    # The last, because a shell that reads it goes on at once, and prints too.
    note(f"It is yours until {until}, and longer with `runnotary heartbeat`.")
    if answer.headers.get("Idempotent-Replayed") == "true":
        note("It had been claimed before, with this key.")
    say(plain(f"{phase['run_id']} {phase['phase_id']} {phase['attempt']}"))


def heartbeat(
    run: RunId,
    phase: Annotated[str, typer.Argument(metavar="PHASE", help="The phase_id.", callback=an_id)],
    attempt: Annotated[int, typer.Argument(metavar="ATTEMPT", min=1, help="The attempt, as claimed.")],
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Renew the lease of an attempt that goes on."""
    with service(server, database) as at:
        answer = at.post(f"/v1/runs/{run}/phases/{phase}/heartbeat", {"attempt": attempt}, {})
    if as_json:
        say_json(answer.content)
    else:
        note(f"It is yours until {answer.json()['expires_at']}.")


def leases(
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose time is past.")] = False,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List the leases that are out, and until when."""
    with service(server, database) as at:
        answer = at.get("/v1/leases", overdue="true" if overdue else None, cursor=cursor, limit=limit)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("No lease is overdue." if overdue else "No lease is out.")
        return
    say(pages.lease_list(page["items"]))
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")
