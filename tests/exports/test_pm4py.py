"""pm4py reads the exports, and drops nothing. It is no dependency (AGPL): the tests use another's."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from api.ledger import Ledger
from api.settings import Settings
from tests.carried import GOLDEN, Export, Live, Restore
from tests.databases import Scratch

PYTHON = os.environ.get("RUNNOTARY_TEST_PM4PY")
READER = Path(__file__).with_name("pm4py_reads.py")

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no pm4py: RUNNOTARY_TEST_PM4PY names a Python that has it"
)


@pytest.mark.parametrize("history", ["golden", "lived"])
def test_pm4py_drops_nothing(
    history: str, scratch_database: Scratch, restore: Restore, live: Live, export: Export, tmp_path: Path
) -> None:
    """It finds as many events, objects, relations, changes and traces of each kind as were written."""
    with scratch_database("sqlite") as url:
        if history == "golden":
            restore(url, GOLDEN)
        else:
            with Ledger.open(Settings(database_url=url)) as ledger:
                live(ledger, 7, 200)
        ocel, xes = export(url, "ocel"), export(url, "xes")
    read = read_by_pm4py(tmp_path, ocel, xes)
    assert {name: read[name] for name in figures(ocel)} == figures(ocel)
    for variant in ("chunk_regex", "iterparse"):
        assert read[f"xes {variant}"] == traced(xes), variant


def read_by_pm4py(folder: Path, ocel: bytes, xes: bytes) -> Any:
    """What pm4py makes of these."""
    assert PYTHON is not None
    (folder / "log.jsonocel").write_bytes(ocel)
    (folder / "log.xes").write_bytes(xes)
    done = subprocess.run(
        [PYTHON, READER, "log.jsonocel", "log.xes"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index('{"events"') :])


def figures(written: bytes) -> dict[str, Any]:
    """What is to be found in an OCEL file."""
    ocel = json.loads(written)
    changes: Counter[str] = Counter()
    for each in ocel["objects"]:
        names = Counter(attribute["name"] for attribute in each["attributes"])
        changes.update({name: count - 1 for name, count in names.items() if count > 1})
    return {
        "events": Counter(event["type"] for event in ocel["events"]),
        "objects": Counter(each["type"] for each in ocel["objects"]),
        "relations": Counter(r["qualifier"] for event in ocel["events"] for r in event["relationships"]),
        "related_events": len(ocel["events"]),
        "object_relations": Counter(
            r["qualifier"] for each in ocel["objects"] for r in each["relationships"]
        ),
        "changes": changes,
    }


def traced(written: bytes) -> dict[str, Any]:
    """What is to be found in an XES file."""
    traces: Counter[str] = Counter()
    events: list[dict[str, str]] = []
    for trace in ET.fromstring(written).iterfind("{*}trace"):  # noqa: S314  # ours
        (name,) = (each.attrib["value"] for each in trace if each.attrib.get("key") == "concept:name")
        found = [
            {each.attrib["key"]: each.attrib["value"] for each in event}
            for event in trace.iterfind("{*}event")
        ]
        traces[name] = len(found)
        events += found
    return {
        "traces": traces,
        "events": Counter(event["concept:name"] for event in events),
        "resources": sorted({event["org:resource"] for event in events}),
        "texts": sorted({event["data.reason"] for event in events if "data.reason" in event}),
        "positions": [int(event["position"]) for event in events],
    }
