"""A run on other tasks than those that it was trained on: a longer horizon, another simulation, other ranges."""

from __future__ import annotations

from typing import Any

from envs.core import Space
from metarl.config import files as settings
from metarl.errors import UserError
from metarl.runs.run import Run


def on_other_tasks(run: Run, overrides: dict[str, Any]) -> Run:
    """The run with changed settings of its tasks (`tasks.horizon` and the like), or itself without any.

    Raises UserError for other settings, and for tasks that its policy cannot observe or act in.
    """
    if not overrides:
        return run
    for key in overrides:
        if not key.startswith("tasks."):
            raise UserError(f"--{key} is not an option of this command, which changes tasks alone (--tasks.KEY)")
    changed = Run(run.path, run.best)
    changed.config = settings.load(run.path / "config.yaml", overrides)
    changed.has_other_tasks = True
    _check_space(run, changed)
    return changed


def _check_space(run: Run, changed: Run) -> None:
    """Raise UserError unless a policy, and what describes the tasks to it, mean the same in both."""
    from metarl.training.build import build_family

    trained, judged = build_family(run.config), build_family(changed.config)
    if trained.space != judged.space:
        old, new = _words(trained.space), _words(judged.space)
        raise UserError(f"{run.name} was trained with {old}, and these tasks have {new}")
    if _described(trained) != _described(judged):
        raise UserError(
            f"{run.name} was trained with other variables, or other training ranges: to change what is judged, give "
            "--tasks.vary.NAME.ood and --split ood"
        )


def _words(space: Space) -> str:
    return f"{space.obs} observations, {space.act} actions and {space.privileged} privileged numbers"


def _described(family: Any) -> list[tuple[Any, ...]]:
    """What the numbers that describe a task depend on."""
    return [(v.name, v.train, v.spacing) for v in getattr(family, "variables", ())]
