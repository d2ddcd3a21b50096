"""What a client and everything that it hands out share: where the service is, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from runnotary_client import tracing
from runnotary_client.calls import Answer, Call
from runnotary_client.discovery import Discovery
from runnotary_client.effects import Steps, local, send
from runnotary_client.errors import NotSupported, Refused, Unavailable
from runnotary_client.repeats import Repeats
from runnotary_client.spool import Spool
from runnotary_client.wire import Circuit, Patience


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a proposal."""

    answer: Mapping[str, Any] | None
    """What the service answered; None while the proposal waits in the spool."""

    @property
    def spooled(self) -> bool:
        """Whether it waits in the spool: it could not be delivered now."""
        return self.answer is None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the proposals in the spool."""

    delivered: int
    refused: int
    stopped_by: Unavailable | NotSupported | None
    """Why the rest waits on."""


@dataclass
class Link:
    """The way to one service."""

    url: str
    actor: str | None
    traceparent: str
    spool: Spool | None
    patience: Patience
    repeats: Repeats = field(default_factory=Repeats)
    circuit: Circuit = field(default_factory=Circuit)
    discovery: Discovery = field(init=False)
    _unanswered: dict[str, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.discovery = Discovery(self.url)

    def headers(self, key: str | None = None) -> dict[str, str]:
        """The headers of something to record; the key is made here, before the first try."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        headers["traceparent"] = tracing.current() or self.traceparent
        return headers | ({"X-Actor": self.actor} if self.actor else {})

    def proposal(
        self, path: str, body: Mapping[str, Any], run_id: str | None, key: str | None = None
    ) -> Call:
        """The call that has something recorded; fields that are None are left out."""
        said = {name: value for name, value in body.items() if value is not None}
        return Call(method="POST", path=path, body=said, headers=self.headers(key), run_id=run_id)

    def ask(self, call: Call) -> Steps[Answer]:
        """The answer to a call.

        Raises:
            Refused: no; without a request where it was heard twice before.
            Unavailable: neither yes nor no.
        """
        self.repeats.check(call)
        try:
            answer = yield from send(call)
        except Refused as refused:
            self.repeats.note(call, refused)
            raise
        self.repeats.accepted(call)
        return answer

    def open(self, call: Call, *, anew: bool = False) -> Steps[Answer]:
        """Have something begun. Asked again after it had no answer, it is the same request, with its key.

        Else a run or an attempt that was recorded unseen would stay behind, with nobody who works on it.
        """
        unanswered = self._unanswered.pop(call.fingerprint, None)
        if unanswered is not None and not anew:
            call = unanswered
        try:
            return (yield from self.ask(call))
        except Unavailable:
            self._unanswered[call.fingerprint] = call
            raise

    def report(self, call: Call) -> Steps[Report]:
        """Have something recorded; where it cannot be delivered now and there is a spool, it is kept there.

        Raises:
            Refused: no.
            Unavailable: neither yes nor no, and there is no spool.
        """
        spool = self.spool
        if spool is None:
            return Report((yield from self.ask(call)).body)
        try:
            yield from self.caught_up()  # what happened later is told later
            return Report((yield from self.ask(call)).body)
        except (Unavailable, NotSupported) as error:
            # A web page in place of an answer is somebody on the way who speaks for a service that is away.
            yield from local(partial(spool.keep, call, str(error)))
            return Report(None)
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:
            # Ctrl-C, or a task that is cancelled, while it was on its way.
            yield from local(partial(spool.keep, call, f"interrupted ({type(error).__name__})"))
            raise

    def caught_up(self) -> Steps[None]:
        """Deliver what waits in the spool, for what comes next builds on it.

        Raises:
            Unavailable, NotSupported: it cannot be delivered now.
        """
        if self.spool is not None and (yield from local(self.spool.waits)):
            delivery = yield from self.deliver()
            if delivery.stopped_by is not None:
                raise delivery.stopped_by

    def deliver(self, *, refused_ones: bool = False) -> Steps[Delivery]:
        """Deliver what the spool keeps, in order; what is refused stays there and is passed by."""
        delivered = refused = number = 0
        if (spool := self.spool) is None:
            return Delivery(0, 0, None)
        which = partial(spool.first, "all" if refused_ones else "waiting")
        while (kept := (yield from local(partial(which, number)))) is not None:
            number = kept.number
            try:
                yield from send(kept.call, patiently=False)
            except Refused as error:
                refused += 1
                yield from local(partial(spool.refused, number, error.problem))
            except (Unavailable, NotSupported) as error:
                return Delivery(delivered, refused, error)
            else:
                delivered += 1
                yield from local(partial(spool.delivered, number))
                self.repeats.changed(kept.run_id)
        return Delivery(delivered, refused, None)
