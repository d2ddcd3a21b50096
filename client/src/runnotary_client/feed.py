"""The log as it grows: streamed where the service streams, asked for again and again where it does not."""

import json
from collections.abc import Collection
from typing import Any

from runnotary_client.calls import Call
from runnotary_client.discovery import STREAM
from runnotary_client.effects import Give, Listen, NextLine, Steps, Wait
from runnotary_client.errors import Unavailable
from runnotary_client.link import Link

STREAM_PATH = STREAM[1]
POLL_SECONDS = 1.0
RECONNECT_SECONDS = 0.2
RECONNECT_SECONDS_MAX = 10.0
PAGE = 500


def follow(link: Link, after: int | None, run_id: str | None, types: Collection[str] | None) -> Steps[None]:
    """Give every event behind a position once, in order, and those to come; it ends when nobody reads on."""
    for kind in types or ():
        yield from link.discovery.need_event(kind)
    if (yield from link.discovery.offers(STREAM)):
        yield from Wanted(link, after, run_id, types).streamed()
    else:
        after = (yield from end_of_log(link)) if after is None else after
        yield from Wanted(link, after, run_id, types).polled()


class Wanted:
    """Which events are wanted, and how far they were given."""

    def __init__(
        self, link: Link, after: int | None, run_id: str | None, types: Collection[str] | None
    ) -> None:
        self._link = link
        self._after = after
        self._run_id = run_id
        self._types = types
        # The service filters by one type; several are picked out here.
        self._type = next(iter(types)) if types is not None and len(types) == 1 else None

    def streamed(self) -> Steps[None]:
        """Listen; where the connection ends, go on behind the last event."""
        pause = RECONNECT_SECONDS
        while True:
            try:
                yield Listen(self._call(STREAM_PATH, accept="text/event-stream"))
                fields: dict[str, str] = {}
                while (line := (yield NextLine())) is not None:
                    pause = RECONNECT_SECONDS
                    if line:
                        name, _, value = line.partition(":")
                        fields[name] = value.removeprefix(" ")
                        continue
                    if "data" in fields:
                        yield from self._give(json.loads(fields["data"]))
                    elif "id" in fields:
                        self._after = int(fields["id"])  # so far there is nothing that is wanted
                    fields = {}
            except Unavailable as error:
                pause = error.retry_after or pause
            yield Wait(pause)
            pause = min(pause * 2, RECONNECT_SECONDS_MAX)

    def polled(self) -> Steps[None]:
        """Ask again and again what has come."""
        while True:
            try:
                answer = yield from self._link.ask(self._call("/v1/events", limit=PAGE))
            except Unavailable as error:
                yield Wait(error.retry_after or RECONNECT_SECONDS_MAX)
                continue
            for event in answer.body["items"]:
                yield from self._give(event)
            if answer.body["next_cursor"] is None:
                yield Wait(POLL_SECONDS)

    def _call(self, path: str, accept: str = "application/json", **params: Any) -> Call:
        asked = params | {"after": self._after, "type": self._type}
        if path == STREAM_PATH:
            asked["run_id"] = self._run_id
        return Call(method="GET", path=path, params=asked, headers={"Accept": accept})

    def _give(self, event: dict[str, Any]) -> Steps[None]:
        """Hand an event on, unless it was given before or is not wanted."""
        if self._after is not None and event["position"] <= self._after:
            return
        self._after = event["position"]
        self._link.repeats.changed(event["run_id"])
        if self._run_id in {None, event["run_id"]} and (not self._types or event["type"] in self._types):
            yield Give(event)


def end_of_log(link: Link) -> Steps[int]:
    """The last position of the log; they are dense, so that it is found by halving."""

    def has_more(after: int) -> Steps[bool]:
        answer = yield from link.ask(
            Call(method="GET", path="/v1/events", params={"after": after, "limit": 1})
        )
        return bool(answer.body["items"])

    low, high = 0, 1
    while (yield from has_more(high)):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if (yield from has_more(middle)):
            low = middle + 1
        else:
            high = middle
    return low
