"""The options and arguments that several commands share, each with its one description."""

from typing import Annotated, NamedTuple

import typer

PAGE_MAX = 500
"""Most items that one answer of the service holds."""


def an_id(value: str | None) -> str | None:
    """Ids go into paths, so one that cannot be an id is told before it leads somewhere else."""
    from domain.naming import is_id

    if value is not None and not is_id(value):
        raise typer.BadParameter(f"{value!r} is no id: letters, digits, dots, dashes and underscores.")
    return value


class Place(NamedTuple):
    """A run, and which version of it; None is the run as it stands."""

    run_id: str
    version: str | None


def place(text: str) -> Place:
    """A run as it is written on a command line, with a version behind an `@` or not."""
    run_id, _, version = text.partition("@")
    an_id(run_id)
    if version and not is_number(version):
        raise typer.BadParameter(f"{version!r} is no version: write RUN@7.")
    return Place(run_id, version or None)


def a_place(text: str) -> str:
    """As `an_id`, with a version or without."""
    place(text)
    return text


def is_number(text: str) -> bool:
    """Whether a word can only be a version, or an id that consists of digits."""
    return text.isascii() and text.isdigit()


RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run_id.", callback=an_id)]
AnyRunId = Annotated[
    str | None, typer.Argument(metavar="RUN", help="The run_id; left out: all runs.", callback=an_id)
]
PhaseId = Annotated[str | None, typer.Option("--phase", metavar="PHASE", help="Of this phase only.")]
RunAt = Annotated[
    str, typer.Argument(metavar="RUN[@VERSION]", help="The run_id; as it was at a version.", callback=a_place)
]
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
