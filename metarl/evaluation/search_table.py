"""What a search of hyper-parameters found, as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envs.wording import count_of
from metarl.errors import UserError
from metarl.evaluation.search import Search, split_of
from metarl.evaluation.text_table import TextTable

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SHOWN = 10  # candidates
SCORES = {  # what a score is, by what learners are asked for
    "actions": "mean return after as many adaptation episodes as in training",
    "classes": "mean accuracy",
    "numbers": "negative squared error after one step, or one reading of the support",
    "sequences": "negative cross entropy of the longest sequences of training, bits",
}


def finished_trials(search: Search) -> list[FrozenTrial]:
    """Those with a score, the best first; Optuna gives those that were given up the latest return of training."""
    return sorted((t for t in search.trials() if t.state.name == "COMPLETE"), key=lambda t: -(t.value or 0.0))


def best_trial(search: Search) -> FrozenTrial:
    """The one with the best score. Raises UserError where there is none."""
    found = finished_trials(search)
    if not found:
        raise UserError(f"no candidate of {search.plan.folder} came to its end: widen the space, or give more --trials")
    return found[0]


def search_table(search: Search) -> TextTable:
    """The best candidates with their settings."""
    trials, found, plan = search.trials(), finished_trials(search), search.plan
    base = plan.config_of({})
    headers = ["candidate", "score", *(v.key for v in plan.space), "run"]
    rows = [
        [str(t.number), f"{t.value:z.4g}", *(_text(v) for v in plan.values(t.params).values()), t.user_attrs["run"]]
        for t in found[:SHOWN]
    ]
    states = [t.state.name for t in trials]
    counts = {"finished": len(found), "given up or diverged": states.count("PRUNED"), "refused": states.count("FAIL")}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    tasks = "validation classes" if split_of(base) == "validation" else "training tasks of other draws"
    notes = [
        f"score: {SCORES[base.tasks.answers]}, on {tasks}; one training seed",
        f"{count_of(len(trials), 'candidate')}: {told or 'none is finished'}",
        "the best of many is better on these tasks by chance too: train it again with other seeds",
    ]
    return TextTable(f"{plan.name}: the best candidates", headers, rows, notes, "rr" + "r" * len(plan.space) + "l")


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
