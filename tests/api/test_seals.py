"""The seals over HTTP: as they are kept, page by page."""

from dataclasses import asdict

from eventstore.seals import Seal, flaws_of
from tests.api.client import Client
from tests.api.conftest import Serve
from tests.databases import Scratch


def test_pages_show_each_seal_once_in_order(backend: str, scratch_database: Scratch) -> None:
    """From the first on, or from any number; each with all that goes into its hash."""
    with scratch_database(backend) as url:
        with Client(url, seal_events=2) as client:
            run_id = client.create()
            for _ in range(10):
                client.record(run_id, "run.annotated", data={"text": "x"})
        with Client(url) as client:
            items = [item for page in client.pages("/v1/seals?limit=4") for item in page["items"]]
            assert [item["position"] for item in items] == [2, 4, 6, 8, 10, 11]
            found = [Seal(**item) for item in items]
            assert list(flaws_of(found)) == []
            assert list(map(asdict, found)) == items
            assert client.read("/v1/seals", after=4)["items"] == items[4:]
            assert client.read("/v1/seals", after=2**63 - 1) == {"items": [], "next_cursor": None}


def test_a_log_that_is_not_sealed_yet_has_no_seals(serve: Serve, backend: str) -> None:
    """They come in time, and reading does not hurry them."""
    with serve(backend) as client:
        client.create()
        assert client.read("/v1/seals") == {"items": [], "next_cursor": None}
