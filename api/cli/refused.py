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
    path, _, query = call.get("path", "").strip("/").partition("?")
    if call.get("method") == "POST":
        return command_that_posts(path, call.get("body", {}))
    return command_that_gets(path, dict(parse_qsl(query)))


def command_that_posts(path: str, body: Mapping[str, Any]) -> list[str] | None:
    """The command that sends this body there."""
    match path.split("/"):
        case ["v1", "runs"]:
            return ["create", *([body["run_id"]] if "run_id" in body else [])]
        case ["v1", "runs", run_id, "phases"]:
            return ["propose", run_id, "phase.added", "--phase", body["phase_id"]]
        case ["v1", "runs", run_id, "events"]:
            return ["propose", run_id, body["type"], *options_for(body)]
        case ["v1", "repairs"]:
            return ["repair", "propose", body["run_id"], body["state"], *options_of_repair(body)]
    return None


def command_that_gets(path: str, asked: Mapping[str, str]) -> list[str] | None:
    """The command that reads what is there."""
    words: list[str] | None = None
    match path.split("/"):
        case ["v1", "runs", run_id, "moves"]:
            words = ["moves", run_id, *(["--to", asked["to"]] if "to" in asked else [])]
            words += ["--phase", asked["phase_id"]] if "phase_id" in asked else []
        case ["v1", "runs", run_id, "blame"]:
            words = ["blame", run_id]
        case ["v1", "runs", run_id] | ["v1", "runs", run_id, "phases", _]:
            words = ["show", run_id]
        case ["v1", "repairs"]:
            words = ["repair", "list"]
        case ["v1", "repairs", repair_id]:
            words = ["repair", "show", repair_id]
        case ["v1", "machine"]:
            words = ["machine"]
        case ["v1", "schemas"]:
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


def options_of_repair(body: Mapping[str, Any]) -> list[str]:
    """The options of `runnotary repair propose` that make this body."""
    named = {
        "phase_id": "--phase",
        "reason": "--reason",
        "finding": "--finding",
        "expected_version": "--expect",
    }
    options = [word for name, option in named.items() if name in body for word in (option, str(body[name]))]
    return options + [word for each in body.get("evidence", ()) for word in ("--evidence", each)]
