"""Stable-Baselines3's PPO as an outer step: its own code collects an iteration's experience, and learns from it."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from torch import Tensor, nn

from agents.baselines.sb3_ppo import Sb3PPO
from agents.learner import Params
from metarl.config.loggers import Metrics
from metarl.config.outer_settings import OuterContext
from metarl.errors import UserError
from metarl.training.optimizer_state import load_optimizer, optimizer_state
from metarl.training.sb3_worlds import FirstEpisodes, training_worlds
from metarl.training.sources import Seed

ACTIVATIONS: dict[Callable[[Tensor], Tensor], type[nn.Module]] = {
    torch.tanh: nn.Tanh,
    F.elu: nn.ELU,
    torch.relu: nn.ReLU,
}


class Sb3Outer:
    """One call of `PPO.learn` a step, of one rollout over the horizon from a reset of all worlds.

    theta and Adam's state are put into the library's model before, and taken out of it after: a step depends on them
    and on its seed alone, so that a training resumes bit-exactly. Parameters that come out infinite or NaN are left
    there; metrics say `skipped`.

    options: of `PPO`. Raises UserError for several processes, and for minibatches larger than a rollout.
    """

    def __init__(self, context: OuterContext, options: dict[str, Any]) -> None:
        self.learner = cast(Sb3PPO, context.learner)  # the only one with this outer step
        self.family, self.advantage, self.options = context.family, context.advantage, options
        self.num_envs, self.horizon = context.num_tasks * context.episodes, context.steps // context.episodes
        if context.ranks.count > 1:
            raise UserError(
                f"learner sb3_ppo is trained by {context.ranks.count} processes, but Stable-Baselines3 takes one: "
                "start `metarl train` without torchrun"
            )
        if options["batch_size"] > self.num_envs * self.horizon:
            raise UserError(
                f"outer.batch_size is {options['batch_size']}, but an iteration has {self.num_envs * self.horizon} "
                "steps: lower it, or raise train.num_tasks or train.episodes"
            )
        self.parameters = {k: v.detach().clone() for k, v in context.theta.items()}
        self.adam: Params = {}

    @property
    def theta(self) -> Params:
        return dict(self.parameters)

    def assign(self, changes: Params) -> None:
        for k, v in changes.items():
            self.parameters[k].copy_(v)

    def state(self) -> Params:
        return {k: v.clone() for k, v in self.adam.items()}

    def load(self, state: Params) -> None:
        self.adam = {k: v.clone() for k, v in state.items()}

    def step(self, data: Seed) -> Metrics:
        first = FirstEpisodes()
        with _global_random_numbers_kept():
            model = self.model
            model.policy.load_state_dict({theirs: self.parameters[ours] for ours, theirs in self.names.items()})
            load_optimizer(model.policy.optimizer, _renumbered(self.adam, {j: i for i, j in self.places.items()}))
            model.set_random_seed(data.seed)
            is_finite = self._learn(model, first)
        learned = model.policy.state_dict()
        metrics = {"return_before": first.mean, "diverged": float(len(first.diverged))}
        if not is_finite or not all(v.isfinite().all() for v in learned.values()):
            return metrics | {"skipped": 1.0}
        self.assign({ours: learned[theirs] for ours, theirs in self.names.items()})
        self.adam = _renumbered(optimizer_state(model.policy.optimizer), self.places)
        logged = model.logger.name_to_value
        return metrics | {"loss": float(logged["train/loss"]), "kl": float(logged["train/approx_kl"])}

    def _learn(self, model: PPO, first: FirstEpisodes) -> bool:
        """One iteration from a reset; False where torch refuses a distribution that is not finite."""
        try:
            model.learn(self.num_envs * self.horizon, callback=first)
        except ValueError as error:
            if not str(error).startswith("Expected parameter"):
                raise
            return False
        return True

    @cached_property
    def model(self) -> PPO:
        """Made at the first step, so that nothing is simulated for a policy that only acts.

        UserError for worlds on a GPU.
        """
        if getattr(self.family, "simulator", "cpu") != "cpu":
            raise UserError("Stable-Baselines3's PPO is trained in worlds on the CPU: give --train.simulator cpu")
        widths = {"pi": self.learner.network.mean.sizes[1:-1], "vf": self.learner.critic.net.sizes[1:-1]}
        activation = ACTIVATIONS[self.learner.network.mean.activation]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You have specified a mini-batch size")  # the last one is smaller
            model = PPO(
                "MlpPolicy",
                training_worlds(self.family, self.num_envs),
                n_steps=self.horizon,
                gamma=self.advantage.gamma,
                gae_lambda=self.advantage.gae_lambda,
                policy_kwargs={"net_arch": {k: list(v) for k, v in widths.items()}, "activation_fn": activation},
                device="cpu",
                **self.options,
            )
        model.set_logger(Logger(folder=None, output_formats=[]))
        return model

    @cached_property
    def names(self) -> dict[str, str]:
        """Our names of the parameters -> those in the library."""
        policy = _layers("policy.", len(self.learner.network.mean.sizes) - 1, "mlp_extractor.policy_net", "action_net")
        value = _layers("value.", len(self.learner.critic.net.sizes) - 1, "mlp_extractor.value_net", "value_net")
        return {"policy.log_std": "log_std"} | policy | value

    @cached_property
    def places(self) -> dict[str, str]:
        """The number of a parameter in the library -> its number in theta, by which checkpoints know Adam's tensors."""
        ours, theta = {theirs: ours for ours, theirs in self.names.items()}, [*self.parameters]
        numbered = enumerate(self.model.policy.named_parameters())
        return {str(i): str(theta.index(ours[name])) for i, (name, _) in numbered}


def _renumbered(state: Params, places: dict[str, str]) -> Params:
    """`0.exp_avg` of the parameter with the number 0 -> that of the number which it has there."""
    renumbered: Params = {}
    for key, value in state.items():
        number, _, name = key.partition(".")
        renumbered[f"{places[number]}.{name}"] = value
    return renumbered


def _layers(ours: str, depth: int, hidden: str, last: str) -> dict[str, str]:
    """Of a perceptron: in the library an activation stands between two hidden layers, and the last one is apart."""
    theirs = [f"{hidden}.{2 * i}" for i in range(depth - 1)] + [last]
    return {f"{ours}layer{i}.{part}": f"{name}.{part}" for i, name in enumerate(theirs) for part in ("weight", "bias")}


@contextmanager
def _global_random_numbers_kept() -> Iterator[None]:
    """The library draws from Python's, NumPy's and torch's global generators, which nothing else depends on."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)
