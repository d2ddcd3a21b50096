"""`PYTHON pm4py_reads.py LOG.jsonocel LOG.xes`: what pm4py makes of exports, as JSON. Run where it is."""

import json
import sys
from collections import Counter
from html import unescape

import pm4py  # type: ignore[import-not-found]  # no dependency


def main(ocel_file: str, xes_file: str) -> None:
    """Print the figures."""
    ocel = pm4py.read_ocel2_json(ocel_file)
    told = {
        "events": Counter(ocel.events["ocel:activity"]),
        "objects": Counter(ocel.objects["ocel:type"]),
        "relations": Counter(ocel.relations["ocel:qualifier"]),
        "related_events": ocel.relations["ocel:eid"].nunique(),
        "object_relations": Counter(ocel.o2o["ocel:qualifier"]),
        "changes": Counter(ocel.object_changes["ocel:field"]),
    }
    # The reader by lines of text, which is the default, and the one that parses XML.
    for variant in ("chunk_regex", "iterparse"):
        log = pm4py.read_xes(xes_file, variant=variant)
        told[f"xes {variant}"] = {
            "traces": dict(Counter(log["case:concept:name"])),
            "events": dict(Counter(log["concept:name"])),
            "resources": sorted(set(log["org:resource"])),
            # The reader by lines gives entities as they are written.
            "texts": sorted(set(map(unescape, log["data.reason"].dropna()))),
            "positions": [int(position) for position in log["position"]],
        }
    json.dump(told, sys.stdout)


main(*sys.argv[1:])
