"""The options and arguments that several commands share, each with its one description."""

from typing import Annotated

import typer

PAGE_MAX = 500
"""Most items that one answer of the service holds."""


def an_id(value: str | None) -> str | None:
    """Ids go into paths, so one that cannot be an id is told before it leads somewhere else."""
    from domain.naming import is_id

    if value is not None and not is_id(value):
        raise typer.BadParameter(f"{value!r} is no id: letters, digits, dots, dashes and underscores.")
    return value


RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run_id.", callback=an_id)]
AnyRunId = Annotated[
    str | None, typer.Argument(metavar="RUN", help="The run_id; left out: all runs.", callback=an_id)
]
PhaseId = Annotated[str | None, typer.Option("--phase", metavar="PHASE", help="Of this phase only.")]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Call the service there (or RUNNOTARY_SERVER). Without one, the database is used directly.",
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME (or RUNNOTARY_DATABASE_URL); "
        "else sqlite:///runnotary.db.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as it came, one JSON document.")]
Actor = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who asks; recorded, and marked unverified. Else cli:$USER."),
]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="Idempotency key: the same request is recorded once.")
]
Limit = Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="Most items that are listed.")]
