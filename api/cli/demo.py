"""The command that shows in a minute what this is: it plays `story` against a real service."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shlex import quote
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli import pages, story
from api.cli.output import fail, indented, plain, say
from api.cli.timeline import timeline

if TYPE_CHECKING:  # it costs time to import
    import httpx2

LISTENS = "Runnotary listens on "
END_SECONDS = 20
INDENT = 5


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the database of the demo where it is.")] = False,
) -> None:
    """Play a build, and all that goes wrong with such builds."""
    folder = Path(mkdtemp(prefix="runnotary-demo-"))
    file = folder / "demo.db"
    try:
        with service_on(f"sqlite:///{file}") as url:
            say(Text(story.OPENING.format(url=url)))
            play(url, file)
            epilogue(url)
        say(*farewell(file if keep else None))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def service_on(database: str, **settings: str) -> Iterator[str]:
    """A service in a process of its own, with these variables, for a while: its URL."""
    command = [sys.executable, "-P", "-m", "api.cli", "serve", "--port", "0", "--database", database]
    # Nothing of what is set up for another service reaches this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNNOTARY_")}
    environment |= settings
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ourselves
        try:
            assert process.stdout is not None  # noqa: S101  # it is piped
            line = process.stdout.readline()
            if not line.startswith(LISTENS):
                fail("The service did not start; it says above why.")
            yield line.removeprefix(LISTENS).partition(" ")[0]
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def play(url: str, file: Path) -> None:
    """Ask for everything in the story, and see that what comes of it is what has to."""
    import httpx2

    number = 0
    with httpx2.Client(base_url=url, trust_env=False, timeout=END_SECONDS) as client:
        for title, steps in story.CHAPTERS.items():
            say(Text(), Text(title, style="bold"))
            for number, step in enumerate(steps, number + 1):  # noqa: B020  # numbers go on
                answer = client.post(step.path, json=step.body, headers={"X-Actor": step.who})
                say(*told(number, step, answer))
                expect(number, step.expects, outcome_of(answer))
    say(Text(), Text(story.BY_HAND, style="bold"))
    words = refusal_of_database(file)
    say(line(number + 1, "somebody", f"types {story.SQL}", "refused", " by the database itself"))
    say(indented(plain(words), INDENT))
    expect(number + 1, story.DATABASE_SAYS, words)


def expect(number: int, wanted: str, got: str) -> None:
    """A demo that shows something else than it tells is a failure."""
    if wanted != got:
        fail(f"Step {number} went otherwise: it expects {wanted!r}, and got {got!r}.")


def outcome_of(answer: "httpx2.Response") -> str:
    """What came of a call, in the word that the story expects."""
    body = answer.json()
    if answer.is_error:
        return str(body["code"])
    if answer.headers.get("Idempotent-Replayed") == "true":
        return story.REPLAYED
    last = body["results"][-1] if "results" in body else body
    return str((last.get("phase") or last.get("run") or last)["state"])


def told(number: int, step: story.Step, answer: "httpx2.Response") -> Iterator[RenderableType]:
    """What was asked, and what was answered."""
    body, outcome = answer.json(), outcome_of(answer)
    if answer.is_error:
        yield line(number, step.who, step.asks, "refused", f" ({answer.status_code} {outcome})")
        yield indented(plain(body["detail"]), INDENT)
        if number == 1:  # those of the others are listed at the end
            yield indented(plain(f"remedy: {body['remedy']}"), INDENT)
    elif outcome == story.REPLAYED:
        yield line(number, step.who, step.asks, "recorded", " before; nothing added")
    else:
        event = body.get("event", {"state_before": None, "state_after": outcome})
        still = "still" if event["state_before"] == event["state_after"] else "now"
        yield line(number, step.who, step.asks, "recorded", f", {still} {outcome}")


def line(number: int, who: str, asks: str, word: str, rest: str) -> Text:
    """The line of somebody who asks, and of what came of it."""
    style = "red" if word == "refused" else "green"
    arrow = " \N{RIGHTWARDS ARROW} "
    return Text.assemble(f"{number:>3}  ", (who, "bold"), f" {asks}{arrow}", (word, style), plain(rest))


def refusal_of_database(file: Path) -> str:
    """What the database says to somebody who writes a state by hand."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            connection.execute(story.SQL)
        except sqlite3.IntegrityError as error:
            return str(error)
        connection.rollback()
    return "(nothing: it let it happen)"


def epilogue(url: str) -> None:
    """The run, its history and its refusals, as the commands show them."""
    import httpx2

    here = f"/v1/runs/{story.RUN}"
    with httpx2.Client(base_url=url, trust_env=False, timeout=END_SECONDS) as client:
        run, events, refusals = (client.get(path).json() for path in (here, f"{here}/events", "/v1/refusals"))
    say(Text(), Text(f"$ runnotary show {story.RUN}", style="bold"), *pages.run_page(run))
    say(Text(), Text(f"$ runnotary log {story.RUN}", style="bold"))
    say(timeline(events["items"], of_run=True))
    say(Text(), Text("$ runnotary refusals", style="bold"))
    say(*pages.refusal_list(refusals["items"], of_run=False))


def farewell(kept: Path | None) -> Iterator[Text]:
    """What was seen, and how to go on."""
    runnotary = quote(own_command())
    call = "curl -s http://127.0.0.1:8000/v1/runs"
    yield Text()
    yield Text("What you saw", style="bold")
    yield Text(story.WHAT_YOU_SAW)
    yield Text("Go on yourself: the first line in one terminal, the rest in another", style="bold")
    database = f" --database {quote(f'sqlite:///{kept}')}" if kept else ""
    yield plain(f"  {runnotary} serve{database}")
    yield plain(f"""  {call} -H 'Content-Type: application/json' -d '{{"goal": "My first run"}}'""")
    yield plain(f"  {call}/my-first-run/moves")
    yield plain(f"  {runnotary} log my-first-run --server http://127.0.0.1:8000")


def own_command() -> str:
    """How this command is called from here."""
    script = Path(sys.executable).parent / "runnotary"
    if not script.exists() or shutil.which("runnotary") == str(script):
        return "runnotary"
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)
