"""The two ways to do what the core asks for: one waits in its thread, the other awaits.

A class of the core has its methods written once, as generators of effects, marked `operation`. Together with
`Sync` they are methods that give their result, together with `Async` methods to be awaited.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import update_wrapper
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from runnotary_client.awaiting import Awaiting
from runnotary_client.blocking import Blocking
from runnotary_client.effects import Steps
from runnotary_client.shapes import Event

P = ParamSpec("P")
T = TypeVar("T")


class Entered(ABC):
    """Something that is used in a `with`."""

    @abstractmethod
    def _entering(self) -> Steps[None]:
        """What is done at its beginning."""

    @abstractmethod
    def _leaving(self, error: BaseException | None) -> Steps[None]:
        """What is done at its end."""


class Sync(Entered):
    """Does what the core asks for before it returns."""

    _driver: Blocking

    def __enter__(self) -> Self:
        self._driver.perform(self._entering())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.perform(self._leaving(error))


class Async(Entered):
    """Does what the core asks for while it is awaited."""

    _driver: Awaiting

    async def __aenter__(self) -> Self:
        await self._driver.perform(self._entering())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._driver.perform(self._leaving(error))


class operation(Generic[P, T]):  # noqa: N801  # a decorator
    """A method that is written as steps."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, it: Sync, kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, it: Async, kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, it: None, kind: type) -> Self: ...

    def __get__(self, it: Sync | Async | None, kind: type) -> Any:
        if it is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return it._driver.perform(self._steps(it, *args, **kwargs))  # noqa: SLF001  # the driver of both

        return update_wrapper(method, self._steps)


class iteration(Generic[P]):  # noqa: N801  # a decorator
    """A method that is written as steps and gives one event after another."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[None]]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, it: Sync, kind: type) -> Callable[P, Generator[Event, None, None]]: ...
    @overload
    def __get__(self, it: Async, kind: type) -> Callable[P, AsyncGenerator[Event, None]]: ...
    @overload
    def __get__(self, it: None, kind: type) -> Self: ...

    def __get__(self, it: Sync | Async | None, kind: type) -> Any:
        if it is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return it._driver.iterate(self._steps(it, *args, **kwargs))  # noqa: SLF001  # the driver of both

        return update_wrapper(method, self._steps)
