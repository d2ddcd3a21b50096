"""A spool as tests use it."""

from pathlib import Path

from runnotary_client import (
    Client,
    Spool,
)

from client.tests.proxy import Proxy


def waiting(spool: Path) -> int:
    return len(Spool(spool).entries("waiting"))


def keep(client: Client, proxy: Proxy, texts: list[str], run_id: str) -> None:
    """Report while the service cannot be reached, and let it be reached again."""
    proxy.how = lambda seen: "cut before"
    for text in texts:
        assert client.propose(run_id, "run.annotated", data={"text": text}).spooled
    proxy.how = lambda seen: "pass"
    mend(client)


def mend(client: Client) -> None:
    """As time does: the circuit is closed again."""
    client._link.circuit._breaker.close()
