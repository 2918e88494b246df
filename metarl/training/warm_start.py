"""Training that starts from the weights of another run."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learner import Params
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.training.trainer import Trainer

log = logging.getLogger(__name__)
VALUE = "value."  # of the names in a value function, which acting does not need
INPUTS = ("policy.layer0.weight", "seen.mean", "seen.var")  # as wide as the input of a policy


def warm_started(config: Config) -> checkpoint.Load | None:
    """How to load the weights and running statistics of `train.init_from`; None where it is not set.

    Iteration, optimiser, curriculum and random numbers start anew, as of a training from random weights. Raises
    UserError where there is no such run, and when loading where its networks are not those of the config.
    """
    name = config.train.init_from
    if name is None:
        return None
    run = runs.find(name)

    def load(like: Params | None) -> checkpoint.State:
        assert like is not None
        fit = Fit(name, told=config.learner.observes_task and not run.config.learner.observes_task)
        theta = fit(checkpoint.selected_checkpoint(run)(None).theta, like)
        return checkpoint.State(0, 0, 0.0, theta, {}, torch.Generator().manual_seed(config.seed))

    return load


def check_warm_start(trainer: Trainer) -> None:
    """UserError where an oracle observes other things than the run that it started from, before what it is told."""
    name = trainer.config.train.init_from
    if name is None or not trainer.config.learner.observes_task:
        return
    run, obs = runs.find(name), trainer.family.space.obs
    seen = checkpoint.selected_checkpoint(run)(None).theta["seen.mean"].numel()
    if not run.config.learner.observes_task and seen != obs:
        raise UserError(f"train.init_from {name} observes {seen} numbers and this config {obs}: give the same tasks")


@dataclass(frozen=True)
class Fit:
    """Gives the parameters of a run to the networks of a config.

    name: of the run. told: the config is told the task, and the run was not: behind its observations there are more
    inputs, which start with weight 0, and the statistics of all inputs start with the next iteration.
    A value function with other inputs or sizes starts anew.
    """

    name: str
    told: bool = False

    def __call__(self, theta: Params, fresh: Params) -> Params:
        """theta in the order of `fresh`. Raises UserError where shapes do not fit, or anything is missing."""
        if self.told:
            theta = theta | {k: self._widened(theta[k], fresh[k]) for k in INPUTS if k in theta and k in fresh}
            theta = theta | ({"seen.count": torch.zeros(1)} if "seen.count" in theta else {})
        shapes, expected = ({k: tuple(v.shape) for k, v in params.items()} for params in (theta, fresh))
        others = [k for k in expected | shapes if shapes.get(k) != expected.get(k)]
        if problem := next((k for k in others if not k.startswith(VALUE)), None):
            raise UserError(
                f"train.init_from {self.name} does not fit this config: {problem} is {shapes.get(problem)} there and "
                f"{expected.get(problem)} here: give a run with the same learner, network sizes and observations"
            )
        anew = bool(others) or self.told
        if anew:
            log.warning(
                "the value function of %s has other inputs or sizes than this config's: it starts anew", self.name
            )
        return {k: v if anew and k.startswith(VALUE) else theta[k] for k, v in fresh.items()}

    @staticmethod
    def _widened(old: Tensor, fresh: Tensor) -> Tensor:
        """`old` [..., I], with as many more inputs as `fresh` has: weight 0, or statistics of no data."""
        more = fresh.shape[-1] - old.shape[-1]
        if more <= 0 or old.dim() != fresh.dim() or old.shape[:-1] != fresh.shape[:-1]:
            return old
        behind = fresh[..., -more:] if fresh.dim() == 1 else torch.zeros_like(fresh[..., -more:])
        return torch.cat([old, behind], -1)
