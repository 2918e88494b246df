"""Which options of an evaluation are for which tasks."""

from __future__ import annotations

from collections.abc import Collection

from metarl.config.experiment import Config
from metarl.errors import UserError

_OF = {  # option: what it is for, and the evaluators that take it
    **dict.fromkeys(("after", "report-at", "repeats"), ("runs of policies", ("adaptation",))),
    **dict.fromkeys(("simulator", "device", "fine-tune", "baselines"), ("runs of policies", ("adaptation",))),
    **dict.fromkeys(("task.NAME", "beyond", "teacher", "memory-off"), ("runs of policies", ("adaptation",))),
    "videos": ("runs of robots", ("adaptation",)),
    **dict.fromkeys(("ways", "shots", "bn"), ("runs on images", ("accuracy",))),
    "lake": ("runs on Omniglot", ("accuracy",)),
}


def check_options_apply(given: Collection[str], name: str, config: Config) -> None:
    """Raise UserError for an option that tasks like those of a run have no use for; `given` as --name, without --."""
    for option in given:
        what, evaluators = _OF.get(option, ("", (config.tasks.evaluator,)))
        if config.tasks.evaluator not in evaluators:
            raise UserError(
                f"--{option} is for {what}, and {name} is on tasks of kind {config.tasks.kind}: leave it out"
            )
