"""What others wrote stays what it is in a report: a reader of Markdown gives back their very words."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from api.story_markdown import text, word
from api.words import visible
from tests.api.client import Client
from tests.api.test_audit import as_markdown

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

HOSTILE = [
    "a | b | c",
    "\\| \\\\| \\",
    "`code` ``more`` `",
    "line\n\n# heading\n\n- item\n1. one\n> quote\n---\n```\nfence",
    "a\r\nb\rc\u2028d\u2029e\x85f\x0bg\x0ch",
    "<b>bold</b> <!-- --> <script>alert(1)</script> </td></table>",
    "&lt;b&gt; &#124; &amp;",
    "[link](javascript:alert(1)) ![image](x) [ref] <http://example.com>",
    "**bold** __bold__ *it* _it_ ~~gone~~ $x$ snake_case_word _",
    "\x1b[2J\x07\u202egnp.exe\u200b",
    "- **9** 10:00:00.000 `run.repaired` by planner (verified)",
    "; says: | x |",
    "",
    "   ",
    "    indented",
    "# heading",
    "+ plus",
    "===",
]


def words_of(tokens: list[Token]) -> str:
    """What a reader sees of a line: text, and nothing but."""
    assert {token.type for token in tokens} <= {"text", "text_special"}
    return "".join(token.content for token in tokens)


def seen(words: str) -> str:
    return " ".join(visible(words).split())


@given(st.text(max_size=40) | st.text(r"""\`*_[]|~$&<>#!(){}-+.:;'" ab1""", max_size=30))
@example("_a_")
@example("a_b__c_")
@example("\\")
@example("\\|")
@example("&lt;b&gt; &#124;")
def test_a_reader_gives_back_the_words(words: str) -> None:
    """In a line of a list and in a cell of a table, text is text, character by character."""
    (inline,) = [each for each in READER.parse(f"- says: {text(words)}") if each.type == "inline"]
    assert words_of(inline.children or []).rstrip() == f"says: {seen(words)}".rstrip()
    cells = [
        words_of(each.children or [])
        for each in READER.parse(f"| a | b |\n|---|---|\n| {text(words)} | end |")
        if each.type == "inline"
    ]
    assert cells == ["a", "b", seen(words), "end"]


@given(st.text(max_size=20))
@example("run.created")
@example("phase1-build")
@example("a`b")
def test_a_name_is_code_only_if_it_is_a_name(name: str) -> None:
    """What could end the code before its time is told as text."""
    (inline,) = [each for each in READER.parse(f"- of {word(name)}") if each.type == "inline"]
    kinds = {token.type for token in inline.children or []}
    assert kinds <= {"text", "text_special", "code_inline"}
    said = "".join(token.content for token in inline.children or [])
    assert said.rstrip() == f"of {name if 'code_inline' in kinds else seen(name)}".rstrip()


def written(client: Client, words: str) -> str:
    """The reports on a run and its phase in which everybody who may write something wrote this."""
    said = words if words.strip() else f"{words}x"
    run_id = client.executing("p1", goal=said, labels={said[:100]: words})
    client.record(run_id, "phase.started", phase_id="p1", data={"executor": words, "reason": words})
    client.record(run_id, "run.annotated", data={"text": said, "reason": words})
    failure = {"outcome": said[:100], "detail": words, "reason": words}
    client.record(run_id, "phase.failed", phase_id="p1", attempt=1, data=failure)
    client.record(run_id, "phase.skipped", phase_id="p1", data={"reason": said})
    bodies: list[dict[str, Any]] = [
        {"type": words},
        {"type": "run.held", f"x{words}": 1},
        {"type": "run.annotated", "data": {f"x{words}": words}},
    ]
    for body in bodies:
        assert client.post(f"/v1/runs/{run_id}/events", json=body).status_code == 422
    return as_markdown(client, run_id) + as_markdown(client, run_id, phase_id="p1")


def frame(report: str) -> list[str]:
    """What a report is made of, without its words: headings, lists, tables, and how many of each."""
    return [token.type for token in READER.parse(report)]


@pytest.mark.parametrize("words", HOSTILE)
def test_no_text_is_more_than_text(sqlite_client: Client, words: str) -> None:
    """Whatever is written wherever it may be written, the report has the same lines, cells and headings."""
    harmless, report = written(sqlite_client, "word"), written(sqlite_client, words)
    assert len(report.splitlines()) == report.count("\n") == harmless.count("\n")
    assert frame(report) == frame(harmless)
    assert "<" not in report
    assert [c for c in report if not c.isprintable() and c != "\n"] == []
    starts = [line[:4] for line in report.splitlines()]
    assert starts == [line[:4] for line in harmless.splitlines()]
