"""From a run to a policy that acts, or to a classifier."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import torch

from agents.learner import Learner, Params
from metarl.deploy.agent import Agent, Origin, Trained
from metarl.deploy.classifier import Classifier
from metarl.deploy.spaces import Env
from metarl.errors import UserError
from metarl.evaluation.adaptation import display_name
from metarl.evaluation.classification import learner_of
from metarl.runs import checkpoint, folder
from metarl.runs.run import Run
from metarl.training.build import build_advantage_estimator, build_family, build_learner


def load(run: str | os.PathLike[str], *, env: Env | None = None, seed: int = 0) -> Agent | Classifier:
    """What a run has learned: its folder, or a config's name for its newest run, with `@best` for its best checkpoint.

    The policy, or of a run on images the classifier. env: the environment that it acts in, see `Agent`. seed: of the
    actions that are sampled.

    Raises UserError, in one sentence, where there is no such run, where it is neither, or where `env` does not fit.
    """
    found = folder.find(os.fspath(run))
    if found.config.tasks.answers != "classes":
        return Agent(trained(found), env, seed)
    if env is not None:
        raise UserError(f"{found.name} tells images apart and acts in no environment: leave env out")
    return classifier(found)


def agent(run: str | os.PathLike[str], seed: int = 0) -> Agent:
    """The policy of a run, as `load` finds it. Raises UserError for a run that is none."""
    return Agent(trained(folder.find(os.fspath(run))), None, seed)


def classifier(run: Run) -> Classifier:
    """The selected checkpoint of a run on images, on the CPU. Raises UserError for what does not classify images."""
    if run.config.tasks.answers != "classes" or not hasattr(run.config.tasks, "form"):
        raise UserError(f"{run.name} tells no images apart: its tasks are of kind {run.config.tasks.kind}")
    learner = learner_of(run.config)
    state, theta = _theta(run, learner)
    return Classifier(run, learner, theta, state.iteration)


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
    state, theta = _theta(run, learner)
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


def _theta(run: Run, learner: Learner[Any]) -> tuple[checkpoint.State, Params]:
    """The selected checkpoint, and its meta-parameters in the order of the learner: a file has one of its own."""
    like = learner.init(torch.Generator().manual_seed(run.config.seed))
    state = checkpoint.selected_checkpoint(run)(like)
    return state, {k: state.theta[k].detach() for k in like}
