"""Training that starts from the weights of another run."""

from __future__ import annotations

import logging

import torch

from agents.learner import Params
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs import folder as runs

log = logging.getLogger(__name__)
VALUE = "value."  # of the names in a value function, which acting does not need


def warm_start(config: Config) -> checkpoint.Load | None:
    """How to load the weights and running statistics of `train.init_from`; None where it is not set.

    Iteration, optimiser, curriculum and random numbers start anew, as of a training from random weights; so does a
    value function that is told other things of the tasks, with a warning. Raises UserError where there is no such run,
    and when loading where its networks are not those of the config.
    """
    name = config.train.init_from
    if name is None:
        return None
    run = runs.find(name)

    def load(like: Params | None) -> checkpoint.State:
        assert like is not None
        theta = fitting(checkpoint.selected_checkpoint(run)(None).theta, like, name)
        return checkpoint.State(0, 0, 0.0, theta, {}, torch.Generator().manual_seed(config.seed))

    return load


def fitting(theta: Params, fresh: Params, name: str) -> Params:
    """theta in the order of `fresh`, with its value function where that of theta has other inputs or sizes.

    Raises UserError, with the name of the run, where anything else has another shape, or is missing on one side.
    """
    shapes, expected = ({k: tuple(v.shape) for k, v in params.items()} for params in (theta, fresh))
    others = [k for k in expected | shapes if shapes.get(k) != expected.get(k)]
    if problem := next((k for k in others if not k.startswith(VALUE)), None):
        raise UserError(
            f"train.init_from {name} does not fit this config: {problem} is {shapes.get(problem)} there and "
            f"{expected.get(problem)} here: give a run with the same learner, network sizes and observations"
        )
    if others:
        log.warning("the value function of %s has other inputs or sizes than that of this config: it starts anew", name)
    return {k: v if others and k.startswith(VALUE) else theta[k] for k, v in fresh.items()}
