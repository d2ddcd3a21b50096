"""Which events of the log a call is about."""

from pydantic import BaseModel, ConfigDict, Field

from domain import proposals
from domain.naming import valid_ids
from eventstore.store import Wanted


class OfSome(BaseModel):
    """Those of one run, or of some types; all, where neither is named."""

    model_config = ConfigDict(extra="forbid")

    run_id: str | None = Field(None, description="Of this run only.")
    type: list[str] = Field(
        default_factory=list, max_length=50, description="Of this type only; may be repeated."
    )

    def wanted(self) -> Wanted:
        """The same for the log.

        Raises:
            UnknownEvent, InvalidId: there can be none such.
        """
        for each in self.type:
            proposals.known_event(each)
        if self.run_id is not None:
            valid_ids(self.run_id, None)
        return Wanted(self.run_id, tuple(self.type))
