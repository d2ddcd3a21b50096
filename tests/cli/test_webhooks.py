"""`runnotary webhooks`: added with a secret that is told once, listed, shown, removed."""

import json
from typing import Any

import pytest

URL = "http://127.0.0.1:9/hook"


def test_a_webhook_is_added_listed_shown_and_removed(runnotary: Any) -> None:
    """What is added is told with its secret, and afterwards without; what is removed is gone."""
    assert runnotary("create", "one").exit_code == 0
    assert runnotary("webhooks", "list").stderr == "No webhooks.\n"
    told = json.loads(runnotary("webhooks", "add", URL, "--types", "run.held,phase.failed", "--json").stdout)
    secret, webhook_id = told.pop("secret"), told["webhook_id"]
    assert (told["types"], told["position"]) == (["run.held", "phase.failed"], 1)
    assert json.loads(runnotary("webhooks", "show", webhook_id, "--json").stdout) == told
    shown = [runnotary("webhooks", *words).stdout for words in (("list",), ("show", webhook_id))]
    for text in shown:
        assert webhook_id in text
        assert "run.held, phase.failed" in text
        assert secret not in text
    assert runnotary("webhooks", "dead", webhook_id).stderr == "No dead messages.\n"
    assert runnotary("webhooks", "resend", webhook_id).stderr == "0 are tried again.\n"
    assert runnotary("webhooks", "remove", webhook_id).exit_code == 0
    gone = runnotary("webhooks", "show", webhook_id)
    assert gone.exit_code == 1
    assert "webhook-not-found" in gone.stderr


def test_the_secret_is_told_to_people_once(runnotary: Any) -> None:
    """Whoever adds one by hand is shown the secret, and told to keep it."""
    runnotary("create", "one")
    told = runnotary("webhooks", "add", URL, "--after", "0")
    assert "secret      whsec_" in told.stdout
    assert "it is not shown again" in told.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ftp://127.0.0.1/x",), "/url"),
        (("nowhere",), "/url"),
        (("http://ada:secret@127.0.0.1/",), "a user or a password"),
        ((URL, "--types", "run.exploded"), "unknown-event"),
        ((URL, "--types", "run.held,"), "unknown-event"),
    ],
)
def test_what_cannot_be_told_is_refused(runnotary: Any, words: tuple[str, ...], says: str) -> None:
    """A slip in the address or the types is refused, and nothing is added."""
    runnotary("create", "one")
    refused = runnotary("webhooks", "add", *words)
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert runnotary("webhooks", "list").stderr == "No webhooks.\n"
