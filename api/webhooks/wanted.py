"""What a caller says of webhooks."""

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator


class NewWebhook(BaseModel):
    """A webhook to be added."""

    model_config = ConfigDict(extra="forbid")

    url: HttpUrl = Field(description="Where messages are sent to: http or https, without user and password.")
    types: list[str] = Field(
        default_factory=list, max_length=50, description="The wanted event types; left out: all."
    )
    after: int | None = Field(
        None, ge=0, lt=2**63, description="Begin after this position; left out: with what is yet to come."
    )

    @field_validator("url")
    @classmethod
    def _without_credentials(cls, url: HttpUrl) -> HttpUrl:
        if url.username or url.password:
            raise ValueError("it holds a user or a password, which would be shown")
        return url


class Resend(BaseModel):
    """Dead letters to be tried again."""

    model_config = ConfigDict(extra="forbid")

    positions: list[int] | None = Field(
        None, max_length=1_000, description="The positions of their events; left out: all."
    )
