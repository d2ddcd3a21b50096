"""What is known of the columns of that system: which count, which are times, which words each may hold."""

from collections.abc import Mapping

COUNTERS: Mapping[str, tuple[str, ...]] = {
    "runs": (
        "token_cap",
        "max_phases",
        "max_duration_minutes",
        "max_minor_issues_total",
        "tokens_used",
        "ci_runs_used",
        "minor_issues_count",
        "major_issues_count",
    ),
    "tiers": (
        "token_cap",
        "ci_run_cap",
        "max_minor_issues_tolerated",
        "max_major_issues_tolerated",
        "tokens_used",
        "ci_runs_used",
        "minor_issues_count",
        "major_issues_count",
    ),
    "phases": (
        "max_builder_attempts",
        "max_auditor_attempts",
        "incident_token_cap",
        "builder_attempts",
        "auditor_attempts",
        "tokens_used",
        "minor_issues_count",
        "major_issues_count",
        "retry_attempt",
        "revision_epoch",
        "escalation_level",
    ),
}
"""Columns that hold no number below zero."""

TIMES = ("created_at", "updated_at", "started_at", "completed_at", "last_attempt_timestamp")

DOCUMENTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "runs": {
        "safety_profile": ("normal", "safety_critical"),
        "run_scope": ("multi_tier", "single_tier"),
        "promotion_eligible_to_main": ("true", "false"),
        "debt_status": ("clean", "has_minor_issues", "excess_minor_issues"),
    },
    "tiers": {"cleanliness": ("clean", "not_clean")},
    "phases": {
        "complexity": ("low", "medium", "high"),
        "issue_state": ("no_issues", "has_minor_issues", "has_major_issues"),
        "quality_level": ("ok", "needs_review", "blocked"),
    },
}
"""The words that a column may hold."""

ATTEMPTS_MAX = 5
"""Attempts after which that system gave a phase up, whatever `max_builder_attempts` said."""

USAGE: Mapping[str, str] = {
    "tokens_used": "tokens_used",
    "ci_runs_used": "ci_runs_used",
    "minor_issues": "minor_issues_count",
    "major_issues": "major_issues_count",
}
"""What was spent, and the columns that count it."""

LIMITS = ("token_cap", "max_phases", "max_duration_minutes", "max_builder_attempts")
"""Columns of runs and phases that limit something here, and have a default."""

SUMMED = (*USAGE.values(), "retry_attempt", "revision_epoch", "builder_attempts")
"""Columns of runs and phases that count something here."""
