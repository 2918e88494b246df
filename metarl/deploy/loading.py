"""From a run to a policy that acts."""

from __future__ import annotations

import hashlib
import os

import torch

from metarl.deploy.agent import Agent, Origin, Trained
from metarl.deploy.spaces import Env
from metarl.errors import UserError
from metarl.evaluation.adaptation import display_name
from metarl.runs import checkpoint, folder
from metarl.runs.run import Run
from metarl.training.build import build_advantage_estimator, build_family, build_learner


def load(run: str | os.PathLike[str], *, env: Env | None = None, seed: int = 0) -> Agent:
    """The policy of a run: its folder, or a config's name for its newest run, with `@best` for its best checkpoint.

    env: the environment that it acts in, see `Agent`. seed: of the actions that are sampled.

    Raises UserError, in one sentence, where there is no such run, where it is no policy, or where `env` does not fit.
    """
    return Agent(trained(folder.find(os.fspath(run))), env, seed)


def trained(run: Run) -> Trained:
    """The selected checkpoint of a run, on the CPU, wherever it was trained. Raises UserError for what does not act."""
    config = run.config
    if config.tasks.is_supervised:
        raise UserError(
            f"{run.name} is no policy: its tasks are of kind {config.tasks.kind}, which ask for {config.tasks.answers} "
            f"and not for actions; `metarl evaluate {run.name}` applies it to tasks"
        )
    run.check_model()
    family = build_family(config)
    learner = build_learner(config, family)
    like = learner.init(torch.Generator().manual_seed(config.seed))
    state = checkpoint.selected_checkpoint(run)(like)
    theta = {k: state.theta[k].detach() for k in like}  # a file has an order of its own
    origin = Origin(
        run.name,
        display_name(config),
        config.tasks.title,
        run.command,
        run.commit,
        state.iteration,
        hashlib.sha256(checkpoint.packed(state)["theta.safetensors"]).hexdigest(),
    )
    return Trained(origin, learner, theta, family, build_advantage_estimator(config), config.train.episodes)
