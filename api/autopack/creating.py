"""From a run or a phase as that client sends it to one as we create it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from api import commands
from api.autopack.bodies import PhaseSent, RunSent, RunStart
from api.commands import Asked, Command
from domain.proposals import added_phase, validated
from domain.refusals import Refusal
from domain.reports import phase_reported
from domain.values import keep

OWN = "autopack"
"""Where in a phase's scope that is kept which only this client asks for."""

KEPT_OF_PHASE = ("description", "task_category", "complexity", "builder_mode")
CONFIG = ("safety_profile", "run_scope", "token_cap", "max_phases", "max_duration_minutes")


def start(raw: Mapping[str, Any], asked: Asked) -> Command:
    """The command that creates a run, from `{run, tiers, phases}` or with the fields of run at the top."""
    body = dict(raw)
    if "run" not in body:
        id_given = {"run_id": raw["id"]} if "id" in raw else {}
        body["run"] = {**id_given, **{name: raw[name] for name in RunSent.model_fields if name in raw}}
    try:
        keep(raw)
        sent = validated(RunStart, body)
    except Refusal as refusal:
        run = body["run"]
        named = run.get("run_id") if isinstance(run, Mapping) else None
        return commands.refused(raw, asked, refusal, named if isinstance(named, str) else None)
    return commands.creation(created(sent), asked)


def created(sent: RunStart) -> dict[str, Any]:
    """The body of POST /v1/runs that creates this run."""
    run = sent.run
    tiers = sorted(sent.tiers, key=lambda tier: tier.tier_index)
    place = {tier.tier_id: number for number, tier in enumerate(tiers)}
    phases = sorted(
        sent.phases, key=lambda phase: (place.get(phase.tier_id or "", len(tiers)), phase.phase_index or 0)
    )
    body = {
        "run_id": run.run_id,
        "goal": run.goal or run.goal_anchor,
        "state": run.state,
        "config": {name: value for name in CONFIG if (value := getattr(run, name))},
        "tiers": [tier.model_dump(include={"tier_id", "name", "description"}) for tier in tiers],
        "phases": [added(phase) for phase in phases],
    }
    return {name: value for name, value in body.items() if value}


def add(run_id: str, raw: Mapping[str, Any], asked: Asked) -> Command:
    """The command that adds a phase to a run."""
    try:
        keep(raw)
        proposal = added_phase(added(validated(PhaseSent, raw)), run_id)
    except Refusal as refusal:
        return commands.refused(raw, asked, refusal, run_id)

    return commands.planned(run_id, partial(phase_reported, added=proposal), raw, asked)


def added(phase: PhaseSent) -> dict[str, Any]:
    """The body of POST /v1/runs/{run_id}/phases that adds this phase."""
    scope = normalised(phase.scope)
    own = {name: value for name in KEPT_OF_PHASE if (value := getattr(phase, name)) is not None}
    if own:
        scope = {**(scope or {}), OWN: own}
    body = {
        "phase_id": phase.phase_id,
        "name": phase.name,
        "tier_id": phase.tier_id,
        "scope": scope,
        "max_attempts": phase.max_builder_attempts,
    }
    return {name: value for name, value in body.items() if value is not None}


def normalised(scope: dict[str, Any] | None) -> dict[str, Any] | None:
    """A scope whose context is a list of paths with reasons, as it was made there."""
    context = (scope or {}).get("read_only_context")
    if scope is None or not isinstance(context, list):
        return scope
    return {**scope, "read_only_context": [path for each in context if (path := context_path(each))]}


def context_path(entry: object) -> dict[str, Any] | None:
    """An entry of a context; one that names no path is none."""
    if isinstance(entry, str):
        return {"path": entry, "reason": ""}
    return {"reason": "", **entry} if isinstance(entry, dict) and entry.get("path") else None
