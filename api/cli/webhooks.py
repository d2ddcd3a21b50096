"""The commands about webhooks: add, list, show, remove, dead, resend."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from api.cli.calls import Service, asked_by, service
from api.cli.options import PAGE_MAX, Actor, AsJson, Database, Server, an_id
from api.cli.output import note, pairs, say, say_json, table

webhooks = typer.Typer(
    help="Tell others of events, by signed messages.", no_args_is_help=True, rich_markup_mode=None
)

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.", callback=an_id)]


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent to.")],
    wanted: Annotated[
        str | None,
        typer.Option("--types", metavar="TYPE,TYPE…", help="The wanted event types; left out: all."),
    ] = None,
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this position; left out: with what is yet to come.")
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Add a webhook. Its secret is told now and never again."""
    body = {"url": url, "types": [each.strip() for each in wanted.split(",")] if wanted else []}
    given = body if after is None else {**body, "after": after}
    with service(server, database) as at:
        answer = at.post("/v1/webhooks", given, asked_by(actor))
    if as_json:
        say_json(answer.content)
        return
    say(pairs([(name, answer.json()[name]) for name in ("webhook_id", "url", "secret")]))
    note("Keep the secret: it is not shown again. Messages go out where RUNNOTARY_WEBHOOKS=true is served.")


@webhooks.command("list")
def every(as_json: AsJson = False, server: Server = None, database: Database = None) -> None:
    """List the webhooks, and how far each was told."""
    with service(server, database) as at:
        answer = at.get("/v1/webhooks")
    if as_json:
        say_json(answer.content)
    elif not (items := answer.json()["items"]):
        note("No webhooks.")
    else:
        names = ("webhook_id", "position", "waiting", "dead", "types", "url")
        rows = ([types(each) if name == "types" else each[name] for name in names] for each in items)
        say(table(("webhook", ">position", ">waiting", ">dead", "types", "url"), rows))


def types(told: Mapping[str, Any]) -> str:
    """The types that a webhook wants."""
    return ", ".join(told["types"]) or "all"


@webhooks.command()
def show(
    webhook: WebhookId, as_json: AsJson = False, server: Server = None, database: Database = None
) -> None:
    """Show a webhook."""
    with service(server, database) as at:
        answer = at.get(f"/v1/webhooks/{webhook}")
    if as_json:
        say_json(answer.content)
        return
    told = answer.json()
    say(pairs([(name, types(told) if name == "types" else value) for name, value in told.items()]))


@webhooks.command()
def remove(webhook: WebhookId, server: Server = None, database: Database = None) -> None:
    """Let go of a webhook, and of what could not be delivered to it."""
    with service(server, database) as at:
        at.call("DELETE", f"/v1/webhooks/{webhook}")
    note("It is told of nothing any more.")


@webhooks.command()
def dead(
    webhook: WebhookId, as_json: AsJson = False, server: Server = None, database: Database = None
) -> None:
    """List messages that are not tried again by themselves, and why."""
    with service(server, database) as at:
        listed(at, webhook, as_json=as_json)


def listed(at: Service, webhook: str, *, as_json: bool) -> None:
    """Print the dead letters of a webhook."""
    answer = at.get(f"/v1/webhooks/{webhook}/letters", limit=PAGE_MAX)
    if as_json:
        say_json(answer.content)
    elif not (items := answer.json()["items"]):
        note("No dead messages.")
    else:
        rows = ([each[name] for name in ("position", "run_id", "type", "attempts", "why")] for each in items)
        say(table((">position", "run", "event", ">attempts", "why"), rows))


@webhooks.command()
def resend(
    webhook: WebhookId,
    position: Annotated[
        list[int] | None, typer.Option(min=1, help="That of this event only; may be repeated.")
    ] = None,
    server: Server = None,
    database: Database = None,
) -> None:
    """Have dead messages tried again, all or some."""
    with service(server, database) as at:
        answer = at.post(f"/v1/webhooks/{webhook}/resend", {"positions": position} if position else {}, {})
    note(f"{answer.json()['resent']} are tried again.")
