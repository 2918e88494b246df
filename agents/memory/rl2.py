"""RL^2: Y. Duan, J. Schulman, X. Chen, P. Bartlett, I. Sutskever, P. Abbeel, 2016, Fast reinforcement learning via slow
reinforcement learning, arXiv 1611.02779; J. X. Wang et al., 2016, Learning to reinforcement learn, arXiv 1611.05763.

Carried from task to task: a recurrent core, the policy and value heads, and running statistics of inputs and returns.
Formed within one task: the core's memory, over a trial of several episodes. Trained by PPO on whole trials with the
return of the whole trial, so that exploration in one episode is rewarded by the next. Any core replaces their GRU and
LSTM: with `agents.memory.mann.LRUA` or `agents.memory.ntm.NTM` it is a memory-augmented policy.

Departures: policy and value are perceptrons on the core's features and its input, so that reactive behaviour needs no
memory; inputs and returns are normalised by running statistics, and the last layer of the value function is rescaled
with them (H. van Hasselt et al., 2016, arXiv 1602.07714, section 2.2).

Axes: `L` steps of a trial, `B` trials, `I` input: observation, previous action, previous reward, and whether an episode
has just ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.advantages import AllReduceSum, no_reduce
from agents.distributions import Policy
from agents.learner import Network, Objective, RecurrentLearner
from agents.nn.cores import Core, run
from agents.nn.perceptrons import TanhMLP
from agents.objectives import mean_alive
from agents.records import Episode, Params, Transitions, select_prefix, with_prefix

MAX_INPUT = 10.0  # standard deviations; chosen, as in common PPO implementations
MAX_COUNT = 1e7  # of steps in the statistics: still exact in float32, and older data decay
SMALL = 1e-8  # variance below which an input counts as constant


@dataclass(frozen=True)
class RL2(RecurrentLearner):
    """core: of inputs I. inputs: I. policy, value_net: of inputs core.dim + I. outer: the policy's objective.

    rounds: episodes of a trial before its last. memory_reset: when the memory is reset, at every `trial` or at every
    `episode` (the baseline that cannot learn from one episode to the next).
    """

    core: Core
    inputs: int
    policy: Network[Policy]
    value_net: TanhMLP
    outer: Objective
    value_coef: float = 0.5
    rounds: int = 1
    memory_reset: str = "trial"

    def init(self, generator: torch.Generator) -> Params:
        learned = self.core.init(generator) | with_prefix("policy.", self.policy.init(generator))
        learned |= with_prefix("value.", self.value_net.init(generator))
        stats = with_prefix("seen.", _initial_stats(self.inputs)) | with_prefix("ret.", _initial_stats(1))
        return learned | stats

    def initial_state(self, theta: Params) -> Params:
        return self.core.initial_state(theta)

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """Input [..., I] -> the next memory and an action distribution."""
        x = normalize_input(theta, x)
        phi, features = self.core.step(theta, phi, self.core.project_input(theta, x))
        return phi, self._action_distribution(theta, torch.cat([features, x], -1))

    def forward_sequence(self, theta: Params, phi: Params, x: Tensor) -> tuple[Policy, Tensor]:
        """Action distributions and values of whole sequences [L, B, I], given the memory at their start."""
        features = self._features(theta, phi, x)
        return self._action_distribution(theta, features), self._value(theta, features)

    def value(self, theta: Params, x: Tensor) -> Tensor:
        """Predicted return to go at every step [L, B] of trials [L, B, I]."""
        return self._value(theta, self._features(theta, self.initial_state(theta), x))

    def _features(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """The core's features and its normalised input, [L, B, dim + I]."""
        x = normalize_input(theta, x)
        return torch.cat([run(self.core, theta, phi, x, fused=True)[1], x], -1)

    def _action_distribution(self, theta: Params, features: Tensor) -> Policy:
        return self.policy(select_prefix("policy.", theta), features)

    def _value(self, theta: Params, features: Tensor) -> Tensor:
        normalised: Tensor = self.value_net(select_prefix("value.", theta), features)[..., 0]
        return normalised * _std(theta, "ret")[0] + theta["ret.mean"].detach()[0]

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        """The memory after an episode; it does not change at steps that are not alive."""
        for x, alive in zip(support.x, support.alive, strict=True):
            phi = select_alive(self.step(theta, phi, x)[0], phi, alive)
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        """Action distributions at every step of a sequence x [L, ..., I] that starts from the memory `phi`."""
        return self.forward_sequence(theta, phi, x)[0]

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        """The policy's objective plus value_coef / 2 times the squared value error, in units of the return's std."""
        data = episode.query
        out, value = self.forward_sequence(theta, self.initial_state(theta), data.x)
        error = ((value - data.ret) / _std(theta, "ret")[0]).square()
        return self.outer(out, data) + 0.5 * self.value_coef * mean_alive(error, data)

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        """theta with the running statistics of inputs updated."""
        return theta | _merged_stats(theta, "seen", data.x[data.alive], all_reduce_sum)

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        """theta with those of returns updated; the value head is rescaled so that its predictions do not change."""
        new = theta | _merged_stats(theta, "ret", data.ret[data.alive][:, None], all_reduce_sum)
        before, after = _std(theta, "ret"), _std(new, "ret")
        weight, bias = (f"value.{name}" for name in self.value_net.head)
        shifted = (before * theta[bias] + theta["ret.mean"] - new["ret.mean"]) / after
        return new | {weight: theta[weight] * before / after, bias: shifted}


def select_alive(new: Params, old: Params, alive: Tensor) -> Params:
    """Memories of trials: `new` ones where `alive` [...], else `old` ones."""
    return {k: torch.where(alive[(..., *(None,) * (v.dim() - alive.dim()))], v, old[k]) for k, v in new.items()}


def _initial_stats(size: int) -> Params:
    """Statistics of no data: mean 0 and variance 1."""
    return {"mean": torch.zeros(size), "var": torch.ones(size), "count": torch.zeros(1)}


def _std(theta: Params, name: str) -> Tensor:
    """Running standard deviation, detached; 1 for inputs that are constant."""
    var = theta[f"{name}.var"].detach()
    return torch.where(var > SMALL, var, 1.0).sqrt()


def normalize_input(theta: Params, x: Tensor) -> Tensor:
    """x [..., I] normalised by the running statistics and clipped."""
    return ((x - theta["seen.mean"].detach()) / _std(theta, "seen")).clamp(-MAX_INPUT, MAX_INPUT)


def _merged_stats(theta: Params, name: str, data: Tensor, all_reduce_sum: AllReduceSum) -> Params:
    """Mean and variance of all earlier data and of `data` [M, size] of all processes (Chan et al. 1979)."""
    mean, var, count = (theta[f"{name}.{k}"] for k in ("mean", "var", "count"))
    m = float(all_reduce_sum(torch.tensor(len(data))))
    if not m:
        return {}
    fraction = m / (count + m)
    batch_mean = all_reduce_sum(data.sum(0)) / m
    batch_var = all_reduce_sum((data - batch_mean).square().sum(0)) / m
    delta = batch_mean - mean
    merged = (1 - fraction) * var + fraction * batch_var + fraction * (1 - fraction) * delta.square()
    stats = {"mean": mean + fraction * delta, "var": merged, "count": (count + m).clamp_max(MAX_COUNT)}
    return with_prefix(f"{name}.", stats)
