"""Delivery to a real receiver: signed, each run in its order, tried again, and only where it may go."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from api.webhooks.sending import is_public
from tests.end_to_end.service import Server, serving
from tests.webhooks.receiver import Receiver, receiving

DELIVERS = {
    "webhooks": "true",
    "webhook_private": "true",
    "webhook_seconds": "0.5",
    "webhook_retries": "[0.05, 0.05]",
    "poll_seconds": "0.1",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything, as long as it is not told otherwise."""
    with receiving() as made:
        yield made


@pytest.fixture
def server(database_url: str) -> Iterator[Server]:
    """A service that delivers, to this machine too, and tries again soon and twice."""
    with serving(database_url, **DELIVERS) as started:
        yield started


def added(server: Server, url: str, **body: Any) -> dict[str, Any]:
    answer = server.call("POST", "/v1/webhooks", {"url": url, **body})
    assert answer.status == 201, answer
    return answer.body


def shown(server: Server, webhook: dict[str, Any]) -> dict[str, Any]:
    return server.call("GET", f"/v1/webhooks/{webhook['webhook_id']}").body


def dead(server: Server, webhook: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The dead letters, once there are so many."""
    while True:
        answer = server.call("GET", f"/v1/webhooks/{webhook['webhook_id']}/letters")
        if len(answer.body["items"]) >= count:
            items: list[dict[str, Any]] = answer.body["items"]
            return items


def test_what_is_wanted_comes_signed(server: Server, receiver: Receiver) -> None:
    """Every wanted event is sent once, as the log shows it, under an id of its own, and signed."""
    webhook = added(server, receiver.url, types=["run.created", "run.held"])
    for number in range(3):
        server.create(f"run-{number}", phases=[{}])
        server.record(f"run-{number}", "run.held")
    receiver.wait(taken=6)
    log = {each["position"]: each for each in server.call("GET", "/v1/events?limit=100").body["items"]}
    for message in receiver.taken:
        told = Verifier(webhook["secret"]).verify(message.body, message.headers)
        assert told["data"] == log[told["data"]["position"]]
        assert (told["type"], told["timestamp"]) == (told["data"]["type"], told["data"]["recorded_at"])
        assert message.headers["webhook-id"] == f"{webhook['webhook_id']}_{told['data']['position']}"
        with pytest.raises(WebhookVerificationError):
            Verifier(webhook["secret"]).verify(message.body + b" ", message.headers)
    positions = [message.event["position"] for message in receiver.taken]
    assert positions == [each["position"] for each in log.values() if each["type"] != "phase.added"]


def test_a_secret_is_shown_once(server: Server, receiver: Receiver) -> None:
    """Only the answer that adds a webhook has its secret."""
    webhook = added(server, receiver.url)
    assert webhook.pop("secret").startswith("whsec_")
    assert shown(server, webhook) == webhook
    listed = server.call("GET", "/v1/webhooks").body["items"]
    assert listed == [webhook]


def test_a_run_that_is_refused_holds_up_no_other(database_url: str, receiver: Receiver) -> None:
    """What is not taken is tried later, the events behind it wait for that, and other runs do not."""
    with serving(database_url, **{**DELIVERS, "webhook_retries": "[3600]"}) as server:
        receiver.answers["bad"] = 500
        webhook = added(server, receiver.url)
        server.create("bad")
        receiver.wait(refused=1)
        server.record("bad", "run.held")
        server.create("good")
        receiver.wait(taken=1)
        letters = server.call("GET", f"/v1/webhooks/{webhook['webhook_id']}/letters?status=waiting")
    assert [message.event["run_id"] for message in receiver.taken] == ["good"]
    assert len(receiver.refused) == 1
    assert [(each["position"], each["attempts"], each["why"]) for each in letters.body["items"]] == [
        (1, 1, "answered 500"),
        (2, 0, None),
    ]


@pytest.mark.parametrize("status", [500, 404, 302, 0])
def test_what_is_never_taken_is_a_dead_letter(server: Server, receiver: Receiver, status: int) -> None:
    """After the last attempt it is listed with the reason; its run goes on; it can be sent again."""
    receiver.answers["bad"] = status
    receiver.location = receiver.url.replace("/hook", "/elsewhere")
    webhook = added(server, receiver.url)
    server.create("bad")
    (letter,) = dead(server, webhook, 1)
    why = f"answered {status}" if status else "no answer within 0.5 s"
    assert (letter["attempts"], letter["why"], letter["status"]) == (3, why, "dead")
    assert [message.path for message in receiver.refused] == ["/hook"] * 3  # led nowhere else
    assert len({message.headers["webhook-id"] for message in receiver.refused}) == 1
    receiver.answers.clear()
    server.record("bad", "run.held")
    receiver.wait(taken=1)
    assert receiver.taken[0].event["version"] == 2
    answer = server.call("POST", f"/v1/webhooks/{webhook['webhook_id']}/resend", {"positions": [1]})
    assert answer.body == {"resent": 1}
    receiver.wait(taken=2)
    assert receiver.taken[1].event["version"] == 1
    assert receiver.taken[1].headers["webhook-id"] == receiver.refused[0].headers["webhook-id"]


def test_the_events_of_a_run_come_in_their_order(server: Server, receiver: Receiver) -> None:
    """Though every third message is refused at first, each is taken once, those of a run in their order."""
    receiver.is_moody = True
    added(server, receiver.url)
    for number in range(4):
        server.create(f"run-{number}")
    for turn in range(40):
        server.record(f"run-{turn % 4}", "run.annotated", data={"text": str(turn)})
    receiver.wait(taken=44)
    for number in range(4):
        told = [each.event["version"] for each in receiver.taken if each.event["run_id"] == f"run-{number}"]
        assert told == list(range(1, 12))


def test_a_restart_goes_on_where_it_was(database_url: str, receiver: Receiver) -> None:
    """Killed or stopped, the next process delivers what is left, and nothing is left out."""
    with serving(database_url, **DELIVERS) as server:
        added(server, receiver.url)
        server.create("r")
        receiver.wait(taken=1)
        receiver.answers["r"] = 500
        server.record("r", "run.held")
        receiver.wait(refused=1)
        server.kill()
    with serving(database_url, **{**DELIVERS, "webhooks": "false"}) as silent:
        silent.record("r", "run.unheld")
        assert silent.stop() == 0
    receiver.answers.clear()
    with serving(database_url, **DELIVERS) as server:
        receiver.wait(taken=3)
        assert server.stop() == 0
    versions = [message.event["version"] for message in receiver.taken]
    assert list(dict.fromkeys(versions)) == [1, 2, 3]


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_of_two_processes_one_delivers(database_url: str, receiver: Receiver) -> None:
    """With two processes each message is sent once."""
    with serving(database_url, **DELIVERS) as one, serving(database_url, **DELIVERS) as other:
        added(one, receiver.url)
        for number in range(20):
            (one, other)[number % 2].create(f"run-{number}")
        receiver.wait(taken=20)
        assert one.stop() == 0
        other.create("last")
        receiver.wait(taken=21)
    positions = [message.event["position"] for message in receiver.taken]
    assert positions == list(range(1, 22))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433"])
def test_no_private_address_is_connected_to(database_url: str, receiver: Receiver, host: str) -> None:
    """Unless it is allowed, a name that stands for a private address is not connected to, however written."""
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    with serving(database_url, **{**DELIVERS, "webhook_private": "false"}) as server:
        webhook = added(server, f"http://{host}:{port}/hook")
        server.create("r")
        (letter,) = dead(server, webhook, 1)
    assert "not public" in letter["why"]
    assert receiver.taken == receiver.refused == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700:4700::1111", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104  # not bound to
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, public: bool) -> None:
    """An address is private also where it is carried in another."""
    assert is_public(address) is public


def test_nothing_is_delivered_unless_it_is_wanted(database_url: str, receiver: Receiver) -> None:
    """Without the setting webhooks are kept, and nobody is told."""
    with serving(database_url) as server:
        webhook = added(server, receiver.url)
        server.create("r")
        assert server.stop() == 0
    with serving(database_url, **DELIVERS) as server:
        receiver.wait(taken=1)
        path = f"/v1/webhooks/{webhook['webhook_id']}"
        with closing(server.connect()) as connection:
            connection.request("DELETE", path)
            assert connection.getresponse().status == 204
        server.create("later")
        assert server.call("GET", path).body["code"] == "webhook-not-found"
        assert server.stop() == 0
    assert len(receiver.taken) == 1
