"""Why a webhook is not there."""

from dataclasses import dataclass

from domain.refusals import Refusal


@dataclass(eq=False)
class WebhookNotFound(Refusal):
    code = "webhook-not-found"
    title = "There is no such webhook"

    webhook_id: str

    @property
    def detail(self) -> str:
        return f"No webhook is called {self.webhook_id[:140]!r}."

    @property
    def remedy(self) -> str:
        return "GET /v1/webhooks lists them all."
