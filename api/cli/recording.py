"""The command that plays what an executor was seen to do: `replay-recording`."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.text import Text

from api.cli.output import fail, indented, note, plain, say, say_json, table

if TYPE_CHECKING:  # it costs time to import
    from api.autopack.recording import Answer, Line, Player

ANSWER_SECONDS = 30
WHO = "replay-recording"


def replay_recording(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="A recording, or a folder of them; several in turn.")
    ],
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Call the service there. Left out: one of its own, on a new file."),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(min=0, metavar="N", help="N times as fast as it was; 0, the default: without waiting."),
    ] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the database of its own where it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Play what an executor was seen to do.

    A recording says what was observed; the calls that it made then are made again, through the interface
    that RUNNOTARY_AUTOPACK_API=1 switches on.
    """
    from api.autopack.recording import BadRecording, Player, read

    if server is not None and keep:
        raise typer.BadParameter("there is no database of its own with --server", param_hint="--keep")
    try:
        recordings = [(path, lines) for path in found(files) if (lines := read(path))]
    except BadRecording as error:
        fail(str(error))
    if not recordings:
        fail(f"There is no recording (*.jsonl) in {', '.join(map(str, files))}.")
    recordings.sort(key=lambda each: each[1][0].at)
    with service(server, keep=keep) as url, calling(url) as send:
        player = Player(send)
        for _, lines in recordings:
            player.expect(lines)
        for _, lines in recordings:
            pace(player, lines, speed)
        runs = [shown(send, run_id) for run_id in dict.fromkeys(call.run_id for call in player.calls)]
    report(player, runs, as_json=as_json)


def found(files: list[Path]) -> Iterator[Path]:
    """The files that are meant."""
    for path in files:
        if path.is_dir():
            yield from sorted(path.glob("*.jsonl"))
        else:
            yield path


def pace(player: "Player", lines: "list[Line]", speed: float) -> None:
    """Play a recording, waiting between its lines as long as it did, or a part of that."""
    from domain.times import moment

    before = None
    for line in player.play(lines):
        now = moment(line.at)
        if speed and before is not None:
            time.sleep(max(0.0, (now - before).total_seconds()) / speed)
        before = now


@contextmanager
def service(server: str | None, *, keep: bool) -> Iterator[str]:
    """The service to call: the one there, or one in a process of its own on a database of its own."""
    from api.cli.demo import service_on

    if server is not None:
        yield server
        return
    folder = Path(mkdtemp(prefix="runnotary-replay-"))
    database = f"sqlite:///{folder / 'replay.db'}"
    try:
        with service_on(database, RUNNOTARY_AUTOPACK_API="1") as url:
            yield url
    finally:
        if keep:
            note(f"Its database: {database}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def calling(url: str) -> Iterator[Any]:
    """What makes a call there."""
    import httpx2

    from api.autopack.recording import Answer

    with httpx2.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False) as client:

        def send(method: str, path: str, body: Mapping[str, Any] | None, at: str) -> "Answer":
            headers = {"X-Actor": WHO, "X-Occurred-At": at}
            try:
                answer = client.request(method, path, json=body, headers=headers)
                told = answer.json()
            except httpx2.TransportError as error:
                fail(f"Nothing answers at {url} ({type(error).__name__}). Start it with `runnotary serve`.")
            except ValueError:
                fail(f"{url} answers {answer.status_code} without JSON: that is no Runnotary.")
            return Answer(answer.status_code, told)

        health = send("GET", "/health", None, "1970-01-01T00:00:00Z")
        if health.body.get("service") != "autopack":
            fail(f"{url} does not answer executors of Autopack: serve it with RUNNOTARY_AUTOPACK_API=1.")
        yield send


def shown(send: Any, run_id: str) -> dict[str, Any]:
    """A run in the end."""
    run = send("GET", f"/v1/runs/{run_id}", None, "1970-01-01T00:00:00Z").body
    phases = [
        {name: phase[name] for name in ("phase_id", "state", "attempt")} for phase in run.get("phases", ())
    ]
    return {"run_id": run_id, "state": run.get("state"), "phases": phases}


def report(player: "Player", runs: list[dict[str, Any]], *, as_json: bool) -> None:
    """Tell what came of the calls."""
    from dataclasses import asdict

    from api.autopack.recording import refusals, tallies

    tally, refused = tallies(player.calls), refusals(player.calls)
    if as_json:
        told = [
            {"call": name, "code": code, "times": times, "problem": problem}
            for name, code, times, problem in refused
        ]
        say_json(orjson.dumps({"calls": [asdict(each) for each in tally], "refused": told, "runs": runs}))
        return
    headings = ("call", ">calls", ">recorded", ">implied", ">known", ">refused")
    say(table(headings, (asdict(each).values() for each in tally)))
    for name, code, times, problem in refused:
        say(
            Text(),
            Text.assemble(
                plain(f"{name}  "), (code, "bold red"), f"  {'once' if times == 1 else f'{times} times'}"
            ),
        )
        say(indented(plain(problem.get("detail", "")), 4), indented(plain(f"remedy: {problem['remedy']}"), 4))
    say(Text())
    rows = (
        (run["run_id"], run["state"], phase.get("phase_id"), phase.get("state"), phase.get("attempt"))
        for run in runs
        for phase in run["phases"] or [{}]
    )
    say(table(("run", "state", "phase", "state", ">attempts"), rows))
