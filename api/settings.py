"""Every setting, its default and its limit, read once from the environment (`RUNNOTARY_*`)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.events.shared import LEASE_SECONDS_MAX


class Settings(BaseSettings):
    """How this process is set up."""

    model_config = SettingsConfigDict(env_prefix="RUNNOTARY_", frozen=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///runnotary.db", description="sqlite:///FILE, or postgresql://USER@HOST/NAME."
    )
    host: str = Field(
        "127.0.0.1", description="Address to listen on. Loopback only: nobody is authenticated."
    )
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    migrate: bool = Field(True, description="Whether the service brings the database up to date at start.")
    body_bytes_max: int = Field(
        1_048_576, ge=1_024, le=67_108_864, description="Largest request body, in bytes."
    )
    refusals_max: int = Field(10_000, ge=1, description="Refusals that are kept; the oldest go first.")
    queue_max: int = Field(
        1_000, ge=1, description="Requests that may wait to be recorded; more are told 503."
    )
    commit_max: int = Field(256, ge=1, le=10_000, description="Most requests that one commit takes.")
    runs_cached_max: int = Field(1_000, ge=0, description="Runs that are kept folded in memory.")
    seal_events: int = Field(1_000, ge=1, le=100_000, description="Events after which the log is sealed.")
    seal_seconds: int = Field(
        60, ge=1, le=86_400, description="Seconds after which it is sealed if it has fewer new events."
    )
    seal_key: Path | None = Field(
        None, description="File of an Ed25519 private key in PEM that signs the seals; without, none does."
    )
    streams_max: int = Field(
        100, ge=0, le=10_000, description="Streams of the log that may be open; more are told 503."
    )
    stream_heartbeat_seconds: float = Field(
        15,
        ge=0.05,
        le=3_600,
        description="Seconds after which a stream gives a sign of life if nothing comes.",
    )
    stream_stall_seconds: float = Field(
        30, ge=0.1, le=3_600, description="Seconds that a stream waits for a reader who takes nothing."
    )
    poll_seconds: float = Field(
        1, ge=0.01, le=60, description="Seconds between looks for what other processes have appended."
    )
    repair_two_persons: bool = Field(
        False, description="Whether a repair is approved by another actor than the one who proposed it."
    )
    webhooks: bool = Field(False, description="Whether this process delivers to webhooks.")
    webhook_private: bool = Field(
        False, description="Whether webhooks may go to this machine, and to private and link-local addresses."
    )
    webhook_seconds: float = Field(
        10, ge=0.1, le=60, description="Seconds that the receiver of a webhook has to answer."
    )
    webhook_retries: tuple[float, ...] = Field(
        (5, 30, 120, 600, 3_600, 10_800, 28_800, 86_400),
        description="Seconds until a webhook is tried again, attempt by attempt, as JSON; then it is dead.",
    )
    lease_seconds_max: int = Field(
        86_400, ge=1, le=LEASE_SECONDS_MAX, description="Longest lease that an attempt gets, in seconds."
    )
    lease_check_seconds: float = Field(
        1.0, ge=0.05, le=60, description="Seconds between two looks whether a lease has run out."
    )
    autopack_api: bool = Field(
        False, description="Whether executors of Autopack are answered, beside /v1: they call other paths."
    )
    approval_seconds: int = Field(
        3_600, ge=1, le=31_536_000, description="Seconds that a request for approval of theirs waits."
    )
    shutdown_seconds: int = Field(5, ge=1, le=60, description="Seconds that open requests have at shutdown.")
