"""The page of settings."""

from collections.abc import Iterator, Sequence

from api.settings import Settings
from docs.generated.fields import default_of, kind_of, said_of
from docs.generated.markdown import code, paragraph, table


def settings() -> Iterator[str]:
    """Every setting, its default and its limits."""
    yield from paragraph(
        "# Settings",
        "Environment variables, read once when a process starts. Some commands have an option for the same; "
        "the option goes first.",
    )
    yield from table(("Variable", "Takes", "Default", "Meaning"), setting_rows())
    yield from paragraph(
        "The command also knows `RUNNOTARY_SERVER`: the URL of a service that it calls, instead of using the "
        "database directly."
    )


def setting_rows() -> Iterator[Sequence[str]]:
    """A row for each setting."""
    schema = Settings.model_json_schema()
    for name, told in schema["properties"].items():
        variable = f"{Settings.model_config['env_prefix']}{name}".upper()
        yield code(variable), kind_of(told, {}), default_of(told).replace('"', ""), said_of(told)
