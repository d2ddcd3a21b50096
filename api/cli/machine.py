"""Commands that tell what may be said: machine, schema."""

import json
from typing import Annotated, Literal

import typer
from rich.text import Text

from api.cli import pages
from api.cli.calls import service
from api.cli.options import AsJson, Server
from api.cli.output import plain, say, say_json, table


def machine(
    entity: Annotated[
        Literal["run", "phase"] | None, typer.Argument(metavar="run|phase", help="Left out: both.")
    ] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid state diagram.")] = False,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """Print the states and the legal moves of runs and phases."""
    if mermaid and (entity is None or as_json):
        raise typer.BadParameter("say which: `runnotary machine run --mermaid`", param_hint="--mermaid")
    path = f"/v1/machine/{entity}" if entity else "/v1/machine"
    with service(server, None, "unused") as at:
        answer = at.get(f"{path}.mermaid" if mermaid else path)
    if as_json:
        say_json(answer.content)
        return
    if mermaid:
        typer.echo(answer.text, nl=False)
        return
    told = answer.json()
    machines = [told] if entity else [told["run"], told["phase"]]
    for i, each in enumerate(machines):
        say(*([Text()] if i else []), pages.machine_table(each))


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An event type, run, phase, scope, config ...")
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """Print the JSON Schema of what is sent. Without NAME, the list of schemas."""
    from urllib.parse import quote

    with service(server, None, "unused") as at:
        answer = at.get(f"/v1/schemas/{quote(name, safe='')}" if name else "/v1/schemas")
    if as_json:
        say_json(answer.content)
    elif name:
        say(plain_json(answer.json()))
    else:
        items = answer.json()["items"]
        say(table(("schema", "of"), ((item["name"], item["description"]) for item in items)))


def plain_json(value: object) -> Text:
    """A JSON document, indented."""
    return Text("\n").join(
        plain(line) for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines()
    )
