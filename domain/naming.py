"""Which ids are allowed, and how runs and phases are named when nobody names them.

A run is named for its goal, a phase `phaseN-<slug>` after its number and its name: so an id tells which of
the two it is. A phase never has the id of its run.
"""

import re
import unicodedata

from domain.refusals import InvalidId

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
SLUG_LENGTH_MAX = 60

_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")


def is_id(text: str) -> bool:
    """Whether this can name a run, a phase, a tier or an event."""
    return _ID.match(text) is not None


def slug(text: str) -> str:
    """Lower-case ASCII words joined by dashes; empty when the text has none."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    joined = ""
    for word in words:
        longer = f"{joined}-{word}" if joined else word
        if len(longer) > SLUG_LENGTH_MAX:
            break
        joined = longer
    return joined or (words[0][:SLUG_LENGTH_MAX] if words else "")


def run_id_for(goal: str, taken: int = 0) -> str:
    """The id of a run with this goal, when `taken` runs of that name exist already."""
    name = slug(goal) or "run"
    return f"{name}-{taken + 1}" if taken else name


def phase_id_for(index: int, name: str | None, taken: int = 0) -> str:
    """The id of the phase with this number (from 1) and this name, when `taken` such ids exist already."""
    words = slug(name or "")
    phase_id = f"phase{index}-{words}" if words else f"phase{index}"
    return f"{phase_id}-{taken + 1}" if taken else phase_id


def valid_ids(run_id: str, phase_id: str | None) -> None:
    """Refuse ids that nothing can be called.

    Raises:
        InvalidId: one of them is none.
    """
    if not is_id(run_id):
        raise InvalidId("run_id", run_id)
    if phase_id is not None and not is_id(phase_id):
        raise InvalidId("phase_id", phase_id)
