"""Why a replay is not done now."""

from dataclasses import dataclass

from domain.refusals import Refusal


@dataclass(eq=False)
class ReplayUnderWay(Refusal):
    code = "replay-under-way"
    title = "Another replay is under way"

    @property
    def detail(self) -> str:
        return "This service verifies or rebuilds already, and does one of these at a time."

    @property
    def remedy(self) -> str:
        return "Wait until it has ended, and ask again."


@dataclass(eq=False)
class RebuildTakenOver(Refusal):
    code = "rebuild-taken-over"
    title = "Another rebuild has begun"

    @property
    def detail(self) -> str:
        return (
            "Another process began to rebuild the same tables, and goes on alone. This one changed nothing."
        )

    @property
    def remedy(self) -> str:
        return "Wait until the other has ended. Rebuild again only if what it made is not what you wanted."
