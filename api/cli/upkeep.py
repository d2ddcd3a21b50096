"""Commands that look after the database itself: doctor, and db upgrade, guard, seal, harden."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import AsJson, Database
from api.cli.output import fail, say, say_json, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

db = typer.Typer(help="Look after the database itself.", no_args_is_help=True, rich_markup_mode=None)


def doctor(as_json: AsJson = False, database: Database = None) -> None:
    """Examine the database, and say what to do. Exits with 1 where something is wrong."""
    from api.checks import advise, examine
    from api.cli.database import engine_for

    with engine_for(database) as engine:
        checks = [*examine(engine), *advise(engine)]
    if as_json:
        say_json(json.dumps({"items": [asdict(check) for check in checks]}).encode())
    else:
        words = {True: "ok", False: "warning"}
        say(
            table(
                ("check", "", "found", "remedy"),
                (
                    (
                        check.name,
                        "WRONG" if not check.ok and check.stops_start else words[check.ok],
                        check.detail,
                        "" if check.ok else check.remedy,
                    )
                    for check in checks
                ),
            )
        )
    if any(not check.ok and check.stops_start for check in checks):
        raise typer.Exit(1)


@db.command()
def upgrade(database: Database = None) -> None:
    """Make the tables, or bring them up to date."""
    from api.cli.database import engine_for
    from api.prepare import prepare
    from eventstore import migrations

    with engine_for(database, there=False) as engine:
        prepare(engine)
        typer.echo(f"{engine.url.render_as_string()} is at revision {migrations.newest()}.")


@db.command()
def guard(database: Database = None) -> None:
    """Put back triggers of the database that were lost."""
    from api.cli.database import engine_for
    from eventstore import guards
    from eventstore.database import lock_writers

    with engine_for(database) as engine, engine.begin() as connection:
        lock_writers(connection)
        up_to_date(connection)
        lost = sorted(guards.missing(connection))
        guards.protect_log(connection)
        guards.protect_states(connection)
    typer.echo(f"Put back: {', '.join(lost)}." if lost else "All guards were in place.")


@db.command()
def seal(database: Database = None) -> None:
    """Seal what is not sealed yet. A service does so by itself, when it is time."""
    from api.cli.database import engine_for, settings_for
    from api.ledger import now
    from api.notary import Notary, signer_of
    from eventstore import store

    with engine_for(database) as engine:
        settings = settings_for(database, there=True)
        notary = Notary(engine, settings, now, signer_of(settings))
        with engine.connect() as connection:
            up_to_date(connection)
            end = store.tail(connection).position
        typer.echo(f"Sealed up to position {notary.seal_to(end):,}.")


@db.command()
def harden(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="Its name; it is made if there is none.")],
    database: Database = None,
) -> None:
    """Make a role of PostgreSQL that can serve, and no more.

    It owns no table, so it can neither drop a guard nor migrate: serve with RUNNOTARY_MIGRATE=false.
    """
    from api.cli.database import engine_for
    from eventstore.database import lock_writers
    from eventstore.roles import harden as make_role

    with engine_for(database) as engine:
        if engine.dialect.name != "postgresql":
            fail("SQLite knows no roles: who may write the file may do everything. Use PostgreSQL.")
        with engine.begin() as connection:
            lock_writers(connection)
            up_to_date(connection)
            make_role(connection, role)
    typer.echo(f"{role} reads and appends, and no more. Give it a password: ALTER ROLE {role} PASSWORD '...'")


def up_to_date(connection: "Connection") -> None:
    """Nothing is mended in a database whose schema is not this program's."""
    from api.prepare import newer
    from eventstore import migrations

    revision = migrations.revision(connection)
    if revision is not None and not migrations.known(revision):
        fail(newer(revision))
    if revision != migrations.newest():
        fail("The database is not up to date. Bring it there first: `runnotary db upgrade`.")
