"""Sending a message: to addresses that are public, without following where the answer points to."""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore2
from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

NAT64 = ip_network("64:ff9b::/96")


class PrivateAddress(httpcore2.ConnectError):
    """The name stands for no public address."""


class Guarded(AsyncNetworkBackend):
    """Connects to public addresses only. What was looked at is what is connected to: names are asked once."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as the library has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to a name or an address.

        Raises:
            PrivateAddress: it is not public.
            httpcore2.ConnectError: it is not there.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        addresses = dict.fromkeys(str(each[4][0]) for each in found)
        allowed = [each for each in addresses if self._allow_private or is_public(each)]
        if not allowed:
            raise PrivateAddress(
                f"{host} is {', '.join(addresses)}: not public. RUNNOTARY_WEBHOOK_PRIVATE=true allows it"
            )
        failed: Exception | None = None
        for address in allowed:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        assert failed is not None  # noqa: S101  # there was one at least
        raise failed


def is_public(address: str) -> bool:
    """Whether an address is one of the Internet, also where it carries another in it."""
    ip: IPv4Address | IPv6Address | None = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip in NAT64:
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
        elif ip.teredo is not None:
            return False
        else:
            ip = ip.ipv4_mapped or ip.sixtofour or ip
    return ip is not None and ip.is_global and not ip.is_multicast


class Sender:
    """Connections to receivers."""

    def __init__(self, *, allow_private: bool, seconds: float) -> None:
        self._seconds = seconds
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=Guarded(allow_private=allow_private)
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Send a message; None when it was taken, else why not. What is answered beside that is not read."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._pool.stream("POST", url, headers=list(headers.items()), content=body) as answer,
            ):
                return None if answer.status // 100 == 2 else f"answered {answer.status}"  # noqa: PLR2004  # done
        except TimeoutError:
            return f"no answer within {self._seconds:g} s"
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            OSError,
            ValueError,
        ) as error:
            return str(error) or type(error).__name__

    async def close(self) -> None:
        """Let go of all connections."""
        await self._pool.aclose()
