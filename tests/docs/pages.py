"""Pages whose blocks are run: what is in them, a terminal to run them in, and whether they tell the truth.

A block marked `sh`, `python` or `sql` is run, in the order of the page. A block marked `json` or `text` that
comes next is what the one before it prints. More words behind the mark say how a block is run:

- `server`: in a terminal of its own, until the next such block or the end of the page;
- `sqlite`, `postgresql`: only where the page is run on that database;
- `file=NAME`: not run, but kept under this name for those after it;
- `in=NAME`: not run, but goes into this file of ours; as a `diff`, in its place.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from unittest.mock import patch

import psycopg

DOCS = Path(__file__).parents[2] / "docs"
BACKENDS = {"sqlite", "postgresql"}
RUN = {"sh", "python", "sql", "diff"}
PRINTED = {"json", "text"}
ANY = "..."
SECONDS_MAX = 300
"""Longer than anything takes; what hangs is ended."""


@dataclass(frozen=True)
class Block:
    """A block of a page, and what it is to print where the page says so."""

    line: int
    language: str
    words: tuple[str, ...]
    text: str
    prints: tuple[str, str] | None = None

    @property
    def file(self) -> str | None:
        """Under which name it is kept, if it is."""
        return self._named("file=")

    @property
    def target(self) -> str | None:
        """Of which file it is a part, if it is."""
        return self._named("in=")

    def with_word(self, word: str, other: str) -> Self:
        """The same with another word in place of one."""
        prints = self.prints and (self.prints[0], self.prints[1].replace(word, other))
        return replace(self, text=self.text.replace(word, other), prints=prints)

    def _named(self, word: str) -> str | None:
        return next((each.removeprefix(word) for each in self.words if each.startswith(word)), None)


FENCED = re.compile(r"^```(\S+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path, backend: str = "sqlite") -> list[Block]:
    """The blocks of a page that are run, or kept, on this database."""
    found: list[Block] = []
    may_print = False
    for match in FENCED.finditer(path.read_text("utf-8")):
        language, words, text = match[1], tuple(match[2].split()), match[3]
        is_for = not (wanted := BACKENDS & set(words)) or backend in wanted
        line = match.string.count("\n", 0, match.start()) + 1
        if language in RUN or any(word.startswith("file=") for word in words):
            may_print = is_for
            if is_for:
                found.append(Block(line, language, words, text))
        elif language in PRINTED and may_print:
            may_print = False
            if is_for:
                found.append(replace(found.pop(), prints=(language, text)))
    return found


# --- whether what comes out is what the page says ---


def differences(expected: tuple[str, str], printed: str) -> str | None:
    """What is not as the page says; None when all is."""
    language, text = expected
    printed = printed.replace("\r", "")
    if language == "json":
        return next(misses(json.loads(text), last_json(printed), ""), None)
    pattern = "".join(map(line_pattern, text.strip().splitlines()))
    squeezed = "".join(f"\n{' '.join(line.split())}" for line in printed.strip().splitlines())
    return None if re.fullmatch(pattern, squeezed) else f"the page says otherwise:\n{text}"


def line_pattern(line: str) -> str:
    """What fits a line of text: `...` is anything, and alone on its line any number of lines."""
    if line.strip() == ANY:
        return r"(?:\n.*)*"
    return "\n" + re.escape(" ".join(line.split())).replace(re.escape(ANY), ".*")


def last_json(text: str) -> Any:
    """The last JSON document of a text."""
    decoder, at, found = json.JSONDecoder(), 0, None
    while (at := next((i for i in range(at, len(text)) if text[i] in "{["), -1)) >= 0:
        found, at = decoder.raw_decode(text, at)
    return found


def misses(expected: Any, got: Any, where: str) -> Iterator[str]:
    """Where a JSON document lacks what is expected: fields may be more, `...` is anything."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name, value in expected.items():
            if name not in got:
                yield f"{where}/{name} is missing"
            else:
                yield from misses(value, got[name], f"{where}/{name}")
    elif isinstance(expected, list) and isinstance(got, list):
        is_open = expected[-1:] == [ANY]
        wanted = expected[:-1] if is_open else expected
        if len(got) < len(wanted) or (not is_open and len(got) > len(wanted)):
            yield f"{where} has {len(got)} items, not {len(wanted)}"
        for i, (one, other) in enumerate(zip(wanted, got, strict=False)):
            yield from misses(one, other, f"{where}/{i}")
    elif isinstance(expected, str) and isinstance(got, str) and ANY in expected:
        if not re.fullmatch(re.escape(expected).replace(re.escape(ANY), ".*"), got, re.DOTALL):
            yield f"{where} is {got!r}, not {expected!r}"
    elif expected not in (got, ANY):
        yield f"{where} is {got!r}, not {expected!r}"


# --- running them ---


@dataclass
class Server:
    """A server in a process of its own, and its URL."""

    process: subprocess.Popen[str]
    line: str

    @property
    def url(self) -> str:
        """Where it listens."""
        found = re.search(r"http://\S+", self.line)
        assert found is not None, f"the server did not start: {self.line!r}"
        return found[0]

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate(timeout=SECONDS_MAX)


@contextmanager
def ended_in_time(process: subprocess.Popen[str]) -> Iterator[None]:
    """A process that hangs is ended, so that whoever reads from it reads on."""
    watch = threading.Timer(SECONDS_MAX, process.kill)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


@dataclass
class Terminal:
    """A shell that the blocks of a page are run in, in a folder of their own."""

    folder: Path
    backend: str = "sqlite"
    variables: dict[str, str] = field(default_factory=dict)
    server: Server | None = None
    _shell: subprocess.Popen[str] | None = None
    _names: dict[str, Any] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._shell = self._stack.enter_context(
            subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        self._write("set -eo pipefail\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._shell is not None
        self._shell.kill()
        self._stop_server()
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a reader: the commands of this project come first, its settings are unset."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNNOTARY")}
        here = str(Path(sys.executable).parent)
        return kept | {"PATH": f"{here}:{kept['PATH']}", "COLUMNS": "200"} | self.variables

    def run(self, page: Path, **renamed: str) -> None:
        """Run the blocks of a page, with some words renamed, and see that they print what the page says."""
        for block in blocks(page, self.backend):
            for word, other in renamed.items():
                block = block.with_word(word, other)  # noqa: PLW2901  # the same block in other words
            printed = self.run_block(block)
            where = f"{page.name}:{block.line}"
            if block.prints is not None:
                wrong = differences(block.prints, printed)
                assert wrong is None, f"{where}: {wrong}; it printed:\n{printed}"

    def run_block(self, block: Block) -> str:
        """Run a block, or keep it; what it printed."""
        if block.file is not None:
            (self.folder / block.file).write_text(block.text, "utf-8")
            return ""
        if "server" in block.words:
            return self.serve(block.text)
        if block.language == "sql":
            return self._sql(block.text)
        if block.language == "python":
            return self._python(block)
        return self._sh(block.text)

    def serve(self, command: str) -> str:
        """Start a server in a terminal of its own, in place of the one before it; what it said first."""
        self._stop_server()
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment | {"RUNNOTARY_PORT": "0"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with ended_in_time(process):
            self.server = Server(process, self._pipe(process.stdout).readline())
        self.variables["RUNNOTARY"] = self.server.url
        self._sh(f"export RUNNOTARY={self.server.url}")
        return re.sub(r"127\.0\.0\.1:\d+ ", "127.0.0.1:8000 ", self.server.line)

    def _stop_server(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def _sql(self, statements: str) -> str:
        with psycopg.connect(self.variables["DATABASE"], autocommit=True) as connection:
            try:
                connection.execute(statements.encode())
            except psycopg.Error as error:
                return f"ERROR: {error.diag.message_primary}"
        return ""

    def _python(self, block: Block) -> str:
        """What a block of Python prints; names stay for the blocks after it."""
        code = compile("\n" * block.line + block.text, f"block at line {block.line}", "exec")
        with (
            chdir(self.folder),
            patch.dict(os.environ, self.variables),
            redirect_stdout(StringIO()) as printed,
        ):
            exec(code, self._names)  # noqa: S102  # ours
        return printed.getvalue()

    def _sh(self, command: str) -> str:
        """What a command prints. It is read from a file, so that it cannot eat what comes after it."""
        assert self._shell is not None
        (self.folder / ".block").write_text(command, "utf-8")
        self._write("source ./.block </dev/null; echo; echo --end--\n")
        lines: list[str] = []
        with ended_in_time(self._shell):
            for line in self._pipe(self._shell.stdout):
                if line == "--end--\n":
                    return "".join(lines)
                lines.append(line)
        raise AssertionError(f"failed: {command}\n{''.join(lines)}")

    def _write(self, text: str) -> None:
        assert self._shell is not None
        pipe = self._pipe(self._shell.stdin)
        pipe.write(text)
        pipe.flush()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
