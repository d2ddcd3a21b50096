"""What the service can do, read once: its calls and its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from runnotary_client.calls import Call
from runnotary_client.effects import Steps, send
from runnotary_client.errors import NotSupported, Refused
from runnotary_client.wire import NOT_MODIFIED

CALLS, MACHINE = "/openapi.json", "/v1/machine"

CLAIMS = ("POST", "/v1/claims")
HEARTBEAT = ("POST", "/v1/runs/{run_id}/phases/{phase_id}/heartbeat")
STREAM = ("GET", "/v1/events/stream")


class Document(NamedTuple):
    """A document as it was read, and what tells its version from another."""

    body: Mapping[str, Any]
    etag: str | None


@dataclass
class Discovery:
    """What one service said about itself."""

    url: str
    documents: dict[str, Document] = field(default_factory=dict)
    is_fresh: bool = False
    """Whether nothing has happened since that may have put another service in its place."""

    def read(self, *, patiently: bool = True) -> Steps[None]:
        """Read both documents, unless they are known; after a lost connection only what is new in them.

        Raises:
            Unavailable: the service does not answer.
            NotSupported: it is no Runnotary.
        """
        if self.is_fresh:
            return
        for path in (CALLS, MACHINE):
            known = self.documents.get(path)
            headers = {"If-None-Match": known.etag} if known and known.etag else {}
            try:
                answer = yield from send(Call(method="GET", path=path, headers=headers), patiently=patiently)
            except NotSupported:
                if known is None:
                    raise
                return  # somebody on the way speaks for a service that is away; it is asked another time
            except Refused as refused:
                raise NotSupported(f"{self.url} has no {path}: {refused}") from refused
            if answer.status != NOT_MODIFIED:
                self.documents[path] = Document(answer.body, answer.headers.get("etag"))
        if "paths" not in self.documents[CALLS].body or "phase" not in self.documents[MACHINE].body:
            raise NotSupported(f"{self.url} is no Runnotary: its {CALLS} and {MACHINE} say something else.")
        self.is_fresh = True

    def offers(self, call: tuple[str, str]) -> Steps[bool]:
        """Whether the service has this call."""
        yield from self.read()
        method, path = call
        return method.lower() in self.documents[CALLS].body["paths"].get(path, {})

    def need(self, call: tuple[str, str], what_for: str) -> Steps[None]:
        """Refuse what the service has no call for.

        Raises:
            NotSupported: it has none.
        """
        if not (yield from self.offers(call)):
            version = self.documents[CALLS].body.get("info", {}).get("version", "unknown")
            raise NotSupported(
                f"The service at {self.url} (version {version}) cannot {what_for}: "
                f"it has no {' '.join(call)}. Upgrade it, or do without."
            )

    def need_event(self, kind: str, *, patiently: bool = True) -> Steps[None]:
        """Refuse an event type that the service does not know.

        Raises:
            NotSupported: it does not.
        """
        yield from self.read(patiently=patiently)
        machines = self.documents[MACHINE].body
        known = [move["event"] for entity in ("run", "phase") for move in machines[entity]["moves"]]
        if kind not in known:
            close = get_close_matches(kind, known)
            meant = f" Did you mean {' or '.join(close)}?" if close else ""
            raise NotSupported(f"The service at {self.url} knows no event {kind!r}.{meant}")
