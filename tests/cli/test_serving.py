"""`runnotary serve`, as processes that really listen and really end."""

import re
import signal
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest


def test_it_says_where_it_listens_once_it_does(serving: Any, tmp_path: Path) -> None:
    """One line with the URL and the database, and a call to it is answered."""
    said = r"Runnotary listens on http://127\.0\.0\.1:\d+ \(database sqlite:///runnotary\.db\)\n"
    with serving(tmp_path) as service, httpx2.Client(base_url=service.url, trust_env=False) as client:
        assert re.fullmatch(said, service.line)
        assert client.get("/readyz").json() == {"status": "ready"}
        assert service.end() == (0, "")  # the client's open connection does not keep it


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(serving: Any, tmp_path: Path, by: signal.Signals) -> None:
    """SIGTERM and Ctrl-C are the way to stop it: nothing has failed, so nothing is said."""
    with serving(tmp_path) as service:
        assert service.post("/v1/runs", {"run_id": "one"}).status_code == 201
        assert service.end(by) == (0, "")


def test_a_request_that_never_ends_is_let_go_of(serving: Any, tmp_path: Path) -> None:
    """A half-sent request is cut off when RUNNOTARY_SHUTDOWN_SECONDS are over."""
    with serving(tmp_path, RUNNOTARY_SHUTDOWN_SECONDS="1") as service:
        url = httpx2.URL(service.url)
        head = b"POST /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n"
        with socket.create_connection((url.host, url.port or 0)) as half:
            half.sendall(head + b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
            assert half.recv(100).startswith(b"HTTP/1.1 100 ")  # it is reading the body now
            code, _ = service.end()
    assert code == 0


def test_settings_come_from_the_environment_and_options_override_them(serving: Any, tmp_path: Path) -> None:
    """RUNNOTARY_PORT is used, and --port and --database go before the environment."""
    with serving(tmp_path, (), RUNNOTARY_PORT="0", RUNNOTARY_HOST="localhost") as service:
        assert service.get("/livez").is_success
    options = ("--port", "0", "--database", "sqlite:///named.db")
    wrong = {"RUNNOTARY_PORT": "1", "RUNNOTARY_DATABASE_URL": "sqlite:////nowhere/x.db"}
    with serving(tmp_path, options, **wrong) as service:
        assert service.get("/livez").is_success
        assert "(database sqlite:///named.db)" in service.line


def test_loopback_of_ipv6_is_served_too(serving: Any, tmp_path: Path) -> None:
    """::1 is this machine as well."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(tmp_path, ("--host", "::1", "--port", "0")) as service:
        assert service.url.startswith("http://[::1]:")
        assert service.get("/livez").is_success


def test_a_taken_port_is_told_with_the_way_out(process: Any, service: Any) -> None:
    """Whoever starts a second one on the same port is told of --port 0."""
    port = str(httpx2.URL(service.url).port)
    told = process("serve", "--port", port)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        f"runnotary: Port {port} is taken, perhaps by another Runnotary. `--port 0` takes a free one.\n"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104  # refused
def test_nobody_else_is_let_in(runnotary: Any, host: str, tmp_path: Path) -> None:
    """While nobody is authenticated, an address that others reach is refused before anything is opened."""
    told = runnotary("serve", "--host", host)
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith(f"runnotary: {host} is not served: nobody is authenticated yet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "options", "names"),
    [
        ({"RUNNOTARY_PORT": "many"}, [], "RUNNOTARY_PORT"),
        ({}, ["--port", "65536"], "--port"),
        ({"RUNNOTARY_SHUTDOWN_SECONDS": "0"}, [], "RUNNOTARY_SHUTDOWN_SECONDS"),
    ],
)
def test_a_setting_that_is_none_is_named(
    runnotary: Any, environment: dict[str, str], options: list[str], names: str
) -> None:
    """What is wrong with a setting is told with its name, as a slip of the pen."""
    told = runnotary("serve", *options, **environment)
    assert told.exit_code == 2
    assert f"Error: Invalid value for {names}: " in told.stderr


def test_a_database_that_cannot_be_used_ends_it_in_one_line(process: Any, tmp_path: Path) -> None:
    """Whatever is wrong with the database, it is one line, and no port is taken."""
    (tmp_path / "letter.txt").write_text("Dear database, " * 100)
    for url in ("sqlite:///letter.txt", "rubbish"):
        told = process("serve", "--port", "0", "--database", url)
        assert (told.returncode, told.stdout) == (1, ""), url
        assert re.fullmatch(r"runnotary: .+\n", told.stderr), told.stderr
