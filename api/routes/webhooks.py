"""Webhooks: who is told of events, and what could not be delivered."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.ledger import Ledger
from api.paging import POSITION_MAX, Limited, json_answer, page
from api.requests import asked_by, body_if_any, body_of, only_parameters
from api.routes.documents import answers, body, header
from api.shapes_of_webhooks import LetterList, Resent, WebhookAdded, WebhookList, WebhookShown
from api.webhooks.refusals import WebhookNotFound
from api.webhooks.wanted import NewWebhook, Resend
from domain.refusals import UnknownEvent

ACTOR = header("X-Actor", "Who asks; kept with it, and not verified.")

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


class LettersWanted(Limited):
    """Which letters."""

    status: Literal["waiting", "dead"] = Field("dead", description="Those that wait, or those that are dead.")
    after: int = Field(0, ge=0, lt=POSITION_MAX, description="Those of events after this position.")


@router.post(
    "",
    openapi_extra=body(NewWebhook) | {"parameters": [ACTOR]},
    status_code=201,
    responses=answers({201: WebhookAdded}, UnknownEvent, takes_body=True),
)
async def add_webhook(request: Request) -> Response:
    """Add a webhook. Its secret is in this answer and in no other."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    given, asked = await body_of(request), asked_by(request)
    added = await run_in_threadpool(ledger.webhooks.add, given, asked.origin.actor)
    return json_answer(added, 201, {"Location": f"/v1/webhooks/{added['webhook_id']}"})


@router.get("", responses=answers({200: WebhookList}))
def list_webhooks(request: Request) -> Response:
    """Webhooks, oldest first."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    return json_answer({"items": ledger.webhooks.every(), "next_cursor": None})


@router.get("/{webhook_id}", responses=answers({200: WebhookShown}, WebhookNotFound))
def get_webhook(webhook_id: str, request: Request) -> Response:
    """A webhook."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    return json_answer(ledger.webhooks.get(webhook_id))


@router.delete("/{webhook_id}", status_code=204, responses=answers({204: None}, WebhookNotFound))
def remove_webhook(webhook_id: str, request: Request) -> Response:
    """Let go of a webhook, and of what could not be delivered to it."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    ledger.webhooks.remove(webhook_id)
    return Response(status_code=204)


@router.get("/{webhook_id}/letters", responses=answers({200: LetterList}, WebhookNotFound))
def list_letters(webhook_id: str, request: Request, wanted: Annotated[LettersWanted, Query()]) -> Response:
    """Messages that were not delivered, in the order of the log."""
    ledger: Ledger = request.app.state.ledger
    items = ledger.webhooks.letters(webhook_id, wanted.status, after=wanted.after, limit=wanted.limit + 1)
    more, items = len(items) > wanted.limit, items[: wanted.limit]
    return page(request, items, str(items[-1]["position"]) if more else None, "after")


@router.post(
    "/{webhook_id}/resend",
    openapi_extra=body(Resend, required=False),
    responses=answers({200: Resent}, WebhookNotFound, takes_body=True),
)
async def resend_letters(webhook_id: str, request: Request) -> Response:
    """Have dead messages tried again, from the first attempt on."""
    ledger: Ledger = request.app.state.ledger
    only_parameters(request)
    resent = await run_in_threadpool(ledger.webhooks.resend, webhook_id, await body_if_any(request))
    return json_answer({"resent": resent})
