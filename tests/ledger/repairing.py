"""What waits in quarantine, and repairs of it, as tests make them."""

from typing import Any

from api.commands import Asked
from api.ledger import Ledger
from domain.envelopes import Origin

READY = {
    "legacy": {"id": "old", "state": "READY"},
    "findings": [{"code": "run-without-tiers"}, {"code": "illegal-run-state", "value": "READY"}],
    "mapping": {"from": "READY", "kind": "semantic", "to": "RUN_CREATED"},
}
PAUSED = {
    "legacy": {"state": "PAUSED"},
    "findings": [{"code": "illegal-run-state", "value": "PAUSED"}],
    "mapping": {"from": "PAUSED", "kind": "ambiguous"},
}


def by(actor: str, key: str | None = None) -> Asked:
    return Asked(origin=Origin(actor=actor), key=key)


def wanted(run_id: str, state: str, phase_id: str | None = None, **more: Any) -> dict[str, Any]:
    about = {"phase_id": phase_id} if phase_id else {}
    return {"run_id": run_id, **about, "state": state, "reason": "found so by hand", **more}


def proposed(ledger: Ledger, *what: Any, actor: str = "ada", **more: Any) -> str:
    repair_id: str = ledger.repairs.propose(wanted(*what, **more), by(actor)).repair["repair_id"]
    return repair_id


def repair(ledger: Ledger, *what: Any) -> None:
    ledger.repairs.approve(proposed(ledger, *what), {}, by("grace"))
