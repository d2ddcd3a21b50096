"""A TCP proxy between a client and the service, which cuts connections where a test says so."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

How = Literal["pass", "cut before", "cut after", "hold", "hold answer"]
"""`cut before`: the request never arrives. `cut after`: it does, its answer does not. `hold`: not yet."""

HEAD = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
LENGTH = re.compile(rb"(?im)^content-length: *([0-9]+)")
KEY = re.compile(rb"(?im)^idempotency-key: *(\S+)")
SECONDS = 60


@dataclass(frozen=True)
class Seen:
    """A request that came by."""

    method: str
    path: str
    key: str | None


@dataclass
class Proxy:
    """Forwards connections to the service; `how` decides about each request as it comes by."""

    upstream: tuple[str, int]
    how: Callable[[Seen], How] = lambda seen: "pass"
    seen: list[Seen] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where a client finds it; it stays when the service moves."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def asked(self, method: str, path: str) -> list[Seen]:
        """The requests of one kind that came by."""
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    def until(self, count: int, method: str, path: str) -> None:
        """Wait until so many requests of one kind have come by."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.asked(method, path)) >= count, SECONDS)

    def once(self, how: How, path: str) -> None:
        """Treat the next request to this path so, and let the others pass."""
        left = [how]
        self.how = lambda seen: left.pop() if left and seen.path.startswith(path) else "pass"

    def cut_all(self) -> None:
        """End every connection that is open."""
        for each in self._open:
            end(each)

    def accept(self) -> None:
        """Serve, until the listener is closed."""
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            service = socket.create_connection(self.upstream, SECONDS)
        except OSError:
            end(caller)
            return
        self._open += [caller, service]
        cut_answer, hold_answer = threading.Event(), threading.Event()
        answering = (service, caller, cut_answer, hold_answer)
        threading.Thread(target=self._answers, args=answering, daemon=True).start()
        with suppress(OSError):
            for seen, raw in requests(caller):
                with self._news:
                    self.seen.append(seen)
                    self._news.notify_all()
                match self.how(seen):
                    case "cut before":
                        break
                    case "cut after":
                        cut_answer.set()
                    case "hold":
                        self._hold()
                    case "hold answer":
                        hold_answer.set()
                service.sendall(raw)
        if not cut_answer.is_set():
            end(caller)
            end(service)

    def _hold(self) -> None:
        self.held.set()
        self.let_go.wait(SECONDS)

    def _answers(
        self, service: socket.socket, caller: socket.socket, cut: threading.Event, hold: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := service.recv(65536):
                if cut.is_set():
                    break
                if hold.is_set():
                    self._hold()
                caller.sendall(data)
        end(caller)
        end(service)


def requests(caller: socket.socket) -> Iterator[tuple[Seen, bytes]]:
    """The requests on a connection, each with its bytes."""
    read = b""
    while data := caller.recv(65536):
        read += data
        while found := HEAD.match(read):
            length = LENGTH.search(found[0])
            size = found.end() + (int(length[1]) if length else 0)
            if len(read) < size:
                break
            key = KEY.search(found[0])
            path = found[2].decode().partition("?")[0]
            yield Seen(found[1].decode(), path, key[1].decode() if key else None), read[:size]
            read = read[size:]


def end(connection: socket.socket) -> None:
    """End a connection, whoever waits for it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def proxied(host: str, port: int) -> Iterator[Proxy]:
    """A proxy to this service."""
    proxy = Proxy((host, port))
    thread = threading.Thread(target=proxy.accept, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        end(proxy._listener)
        proxy.let_go.set()
        proxy.cut_all()
        thread.join(SECONDS)
