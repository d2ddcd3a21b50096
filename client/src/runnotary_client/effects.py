"""What the core asks to have done. It does no I/O itself: its generators yield these, a driver does them."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from runnotary_client.calls import Answer, Call

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send a call and give back its answer; patiently: again, while that is worth it."""

    call: Call
    patiently: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Let some seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Local:
    """Do something on this machine that takes a moment, such as writing a file."""

    do: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Spawn:
    """Do these steps beside everything else; gives back what `Stop` takes."""

    steps: "Steps[None]"


@dataclass(frozen=True, slots=True)
class Stop:
    """End what was spawned."""

    spawned: Any


@dataclass(frozen=True, slots=True)
class Listen:
    """Open a stream of lines, in place of the one before it."""

    call: Call


@dataclass(frozen=True, slots=True)
class NextLine:
    """The next line of the stream; None at its end."""


@dataclass(frozen=True, slots=True)
class Give:
    """Hand an item to whoever iterates."""

    item: Any


@dataclass(frozen=True, slots=True)
class Close:
    """Let go of every connection."""


Effect: TypeAlias = Send | Wait | Local | Spawn | Stop | Listen | NextLine | Give | Close
Steps: TypeAlias = Generator[Effect, Any, T]


def send(call: Call, *, patiently: bool = True) -> Steps[Answer]:
    """The answer to a call.

    Raises:
        Refused, Unavailable: there is none that helps.
    """
    answer: Answer = yield Send(call, patiently)
    return answer


def local(do: Callable[[], T]) -> Steps[T]:
    """What comes of something that is done on this machine."""
    done: T = yield Local(do)
    return done
