"""Why a replay is not done now."""

from dataclasses import dataclass

from api.unavailable import Unavailable
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


@dataclass(eq=False)
class TablesInUse(Refusal):
    code = "tables-in-use"
    title = "The tables cannot be replaced"

    why: str

    @property
    def detail(self) -> str:
        return f"The new tables could not be put in place of the old ones: {self.why}. The old ones serve."

    @property
    def remedy(self) -> str:
        return "Let go of the tables, and rebuild again. On PostgreSQL, pg_stat_activity lists who uses them."


@dataclass(eq=False)
class OwnerNeeded(Refusal):
    code = "owner-needed"
    title = "Only the owner of the tables can replace them"

    @property
    def detail(self) -> str:
        return "The role that this program has in the database may not make tables. Nothing was changed."

    @property
    def remedy(self) -> str:
        return "Run `runnotary rebuild --database URL` as the owner of the tables; the service may go on."


@dataclass(eq=False)
class WorkerLost(Unavailable):
    code = "worker-lost"
    title = "A process of the replay was ended"
    retry_after_seconds = 60

    @property
    def detail(self) -> str:
        return "A process that took part in the replay was ended from outside. Nothing was changed."

    @property
    def remedy(self) -> str:
        return "Ask again. If it comes back, see whether memory runs out: the system ends processes then."
