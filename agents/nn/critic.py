"""A learned value function, whose targets are normalised by running statistics.

When these change, the last layer is rescaled, so that its predictions do not (H. van Hasselt et al., 2016, Learning
values across many orders of magnitude, arXiv 1602.07714, section 2.2). It may observe the true parameters of the task,
which the policy does not (an asymmetric critic; Pinto et al. 2018, arXiv 1710.06542): it is used in training only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.advantages import AllReduceSum, no_reduce
from agents.nn.perceptrons import MLP
from agents.nn.statistics import initial_stats, merged_stats, std_of
from agents.objectives import mean_alive
from agents.records import Params, Transitions, select_prefix, with_prefix


@dataclass(frozen=True)
class Critic:
    """net: features, and behind them the descriptor of the task where `observes_task`, to one number."""

    net: MLP
    observes_task: bool = False

    def init(self, generator: torch.Generator) -> Params:
        return with_prefix("value.", self.net.init(generator)) | initial_stats("ret", 1)

    def __call__(self, theta: Params, features: Tensor, descriptor: Tensor) -> Tensor:
        """Predicted return to go [...], of features [..., F] and descriptors [..., P]."""
        x = torch.cat([features, descriptor], -1) if self.observes_task else features
        normalised: Tensor = self.net(select_prefix("value.", theta), x)[..., 0]
        return normalised * std_of(theta, "ret")[0] + theta["ret.mean"].detach()[0]

    def loss(self, theta: Params, value: Tensor, data: Transitions) -> Tensor:
        """Half the mean squared error, in units of the return's standard deviation."""
        return 0.5 * mean_alive(((value - data.ret) / std_of(theta, "ret")[0]).square(), data)

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with the statistics of returns updated, and the last layer rescaled."""
        new = theta | merged_stats(theta, "ret", data.ret[data.alive][:, None], all_reduce_sum)
        before, after = std_of(theta, "ret"), std_of(new, "ret")
        weight, bias = (f"value.{name}" for name in self.net.head)
        shifted = (before * theta[bias] + theta["ret.mean"] - new["ret.mean"]) / after
        return new | {weight: theta[weight] * before / after, bias: shifted}


class RunningStatistics:
    """Of a learner with a critic, whose inputs are normalised: what it carries of inputs and returns."""

    critic: Critic

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        """theta with the running statistics of inputs updated."""
        return theta | merged_stats(theta, "seen", data.x[data.alive], all_reduce_sum)

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        """theta with those of returns updated; predictions do not change."""
        return self.critic.update_return_stats(theta, data, all_reduce_sum)
