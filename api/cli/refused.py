"""How a refusal reads on a terminal, and the command that does what its remedy says."""

from collections.abc import Mapping, Sequence
from shlex import join
from typing import Any
from urllib.parse import parse_qsl

import orjson
from rich.text import Text

from api.cli.output import plain, say

FAILED_FROM = 500
"""From this status on the service could not; below, it would not."""


def tell(problem: Mapping[str, Any], options: Sequence[str] = ()) -> None:
    """Print a refusal on standard error: what was refused, why, and what to do now."""
    word = "failed" if problem["status"] >= FAILED_FROM else "refused"
    told = [Text.assemble((word, "bold red"), "  ", (problem["code"], "bold"))]
    told += [row("", problem["detail"]), row("remedy", problem["remedy"])]
    if (command := command_for(problem.get("call", {}))) is not None:
        told.append(row("try", join(["runnotary", *command, *options])))
    for label, name in (("legal now", "legal"), ("did you mean", "did_you_mean"), ("similar", "similar")):
        if unsaid := [word for word in problem.get(name) or () if word not in problem["remedy"]]:
            told.append(row(label, ", ".join(unsaid)))
    say(*told, stderr=True)


def row(label: str, text: str) -> Text:
    """A line of a refusal."""
    return Text.assemble("  ", (f"{label}: " if label else "", "bold"), plain(text))


def command_for(call: Mapping[str, Any]) -> list[str] | None:
    """The command that makes this call, where there is one."""
    body = call.get("body", {})
    words: list[str] | None = None
    path, _, query = call.get("path", "").strip("/").partition("?")
    asked = dict(parse_qsl(query))
    match call.get("method"), path.split("/"):
        case "POST", ["v1", "runs"]:
            words = ["create", *([body["run_id"]] if "run_id" in body else [])]
        case "POST", ["v1", "runs", run_id, "phases"]:
            words = ["propose", run_id, "phase.added", "--phase", body["phase_id"]]
        case "POST", ["v1", "runs", run_id, "events"]:
            words = ["propose", run_id, body["type"], *options_for(body)]
        case "GET", ["v1", "runs", run_id, "moves"]:
            words = ["moves", run_id, *(["--to", asked["to"]] if "to" in asked else [])]
            words += ["--phase", asked["phase_id"]] if "phase_id" in asked else []
        case "GET", ["v1", "runs", run_id, "blame"]:
            words = ["blame", run_id]
        case "GET", ["v1", "runs", run_id] | ["v1", "runs", run_id, "phases", _]:
            words = ["show", run_id]
        case "GET", ["v1", "machine"]:
            words = ["machine"]
        case "GET", ["v1", "schemas"]:
            words = ["schema"]
    return words


def options_for(body: Mapping[str, Any]) -> list[str]:
    """The options of `runnotary propose` that make this body."""
    options = []
    if "phase_id" in body:
        options += ["--phase", body["phase_id"]]
    if "attempt" in body:
        options += ["--attempt", str(body["attempt"])]
    data = dict(body.get("data", {}))
    reason = data.pop("reason", None)
    if data:
        options += ["--data", orjson.dumps(data).decode()]
    if reason is not None:
        options += ["--reason", reason]
    return options
