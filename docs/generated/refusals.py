"""The page of refusals: every code, its status, and what to do."""

from collections.abc import Iterator
from dataclasses import fields

from api import unavailable
from api.problems import problem
from docs.generated.cases import INSTANCE, REFUSALS, REQUEST_ID
from docs.generated.markdown import code, json_block, paragraph
from domain.refusals import Refusal


def refusals_page() -> Iterator[str]:
    """Every refusal: its code, when it comes, what it says and knows."""
    yield from paragraph(
        "# Refusals",
        "Every error is a problem (RFC 9457) with the media type application/problem+json. Each has `type`, "
        "`title`, `status`, `detail`, `instance`, `code`, `remedy` and `request_id`; most have a `call`: the "
        "next request to make. The rest are the facts of the case. `code` is a stable word, for programs; "
        "`detail` and `remedy` are sentences for people and may change. The examples leave out what all have "
        "alike. [How to read a refusal](../how-to/read-a-refusal.md) shows one in use.",
    )
    for title, group in REFUSALS.items():
        yield from paragraph(f"## {title}")
        for case in group:
            yield from refusal_entry(*case)


def refusal_entry(when: str, refusal: Refusal) -> Iterator[str]:
    """What there is to know of one refusal."""
    told = problem(refusal, instance=INSTANCE, request_id=REQUEST_ID)
    facts = ", ".join(code(field.name) for field in fields(refusal))  # type: ignore[arg-type]  # all are dataclasses
    retried = ""
    if isinstance(refusal, unavailable.Unavailable):
        retried = f" The header Retry-After says {refusal.retry_after_seconds} s."
    yield from paragraph(
        f"### {refusal.code}",
        f"**{told['status']}** {refusal.title}. {when}{retried} Facts: {facts or 'none'}.",
    )
    yield from json_block(
        {name: told[name] for name in told if name not in ("type", "instance", "request_id")}
    )
