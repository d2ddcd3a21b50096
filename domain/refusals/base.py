"""What every refusal is."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar


class Refusal(Exception):
    """A proposed event was not accepted."""

    code: ClassVar[str]
    title: ClassVar[str]

    is_of_new_run = False
    """Whether the run that it is about was to be made by the same request, and so is not there."""

    @property
    def detail(self) -> str:
        """What is the matter, in one sentence."""
        raise NotImplementedError

    @property
    def remedy(self) -> str:
        """What the caller can do now."""
        raise NotImplementedError

    @property
    def next_event(self) -> dict[str, Any] | None:
        """The proposal that would clear the way, where there is one."""
        return None

    def facts(self) -> dict[str, Any]:
        """What is known about the case, without what is unknown."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # all are dataclasses
        return {name: value for name, value in named.items() if value is not None}

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def among(words: Sequence[str]) -> str:
    """Words in a row, for a sentence."""
    return ", ".join(words) if words else "none"
