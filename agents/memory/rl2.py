"""Learning to reinforcement learn: a policy whose memory is what it learns with.

Y. Duan et al., 2016, arXiv 1611.02779 (RL^2); J. X. Wang et al., 2016, arXiv 1611.05763. Any core takes the place of
their GRU and LSTM: with `agents.memory.mann.LRUA` or `agents.memory.ntm.NTM` it is a memory-augmented policy.

Carried from task to task: the core, the heads for action and value, and what is usual of inputs and returns. Formed
within one task: the core's memory, over a trial of several episodes. Trained by PPO on whole trials, with the return of
the whole trial as the goal: what an episode finds out pays in the next.

Departures: actions and value come from perceptrons that see the core's features and its input, so that reflexes need no
memory; inputs and returns are normalised by running statistics, which the last layer of the value follows (H. van
Hasselt et al., 2016, arXiv 1602.07714, section 2.2).

Axes: `L` steps of a trial, `B` trials, `I` what is seen: observation, last action, last reward, and whether an episode
ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.advantages import AllReduceSum, no_reduce
from agents.distributions import Policy
from agents.learner import Episode, Network, Objective, Params, RecurrentLearner, Transitions
from agents.nn.cores import Core, run
from agents.nn.perceptrons import TanhMLP
from agents.objectives import mean_alive

MAX_SEEN = 10.0  # deviations from what is usual; chosen, as in common PPO codes
MAX_COUNT = 1e7  # steps that count for what is usual: float32 still counts them, and older ones fade
SMALL = 1e-8


@dataclass(frozen=True)
class RL2(RecurrentLearner):
    """core: of inputs I. policy and value_net: of inputs core.dim + I. outer: what is minimised of the policy.

    rounds: episodes of a trial before its last. memory_reset: whether the memory lasts for a `trial`, or
    for one `episode` (the baseline that cannot learn from one episode for the next).
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
        learned = self.core.init(generator) | _named("policy", self.policy.init(generator))
        learned |= _named("value", self.value_net.init(generator))
        return learned | _named("seen", _nothing(self.inputs)) | _named("ret", _nothing(1))

    def initial_state(self, theta: Params) -> Params:
        return self.core.initial_state(theta)

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """What is seen [..., I] -> a new memory, and how to act."""
        x = _usual(theta, x)
        phi, features = self.core.step(theta, phi, self.core.project_input(theta, x))
        return phi, self._act(theta, torch.cat([features, x], -1))

    def forward_sequence(self, theta: Params, phi: Params, x: Tensor) -> tuple[Policy, Tensor]:
        """How to act in sequences [L, B, I], all at once, from the memory at their start; and the returns expected."""
        known = self._know(theta, phi, x)
        return self._act(theta, known), self._expect(theta, known)

    def value(self, theta: Params, x: Tensor) -> Tensor:
        """The return expected at every step [L, B] of trials [L, B, I]."""
        return self._expect(theta, self._know(theta, self.initial_state(theta), x))

    def _know(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        x = _usual(theta, x)
        return torch.cat([run(self.core, theta, phi, x, fused=True)[1], x], -1)

    def _act(self, theta: Params, known: Tensor) -> Policy:
        return self.policy(_of("policy", theta), known)

    def _expect(self, theta: Params, known: Tensor) -> Tensor:
        predicted: Tensor = self.value_net(_of("value", theta), known)[..., 0]
        return predicted * _deviation(theta, "ret")[0] + theta["ret.mean"].detach()[0]

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        """The memory after an episode, whose steps that were not taken it does not see."""
        for x, alive in zip(support.x, support.alive, strict=True):
            phi = select_alive(self.step(theta, phi, x)[0], phi, alive)
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        """How to act at every step of a sequence x [L, ..., I] that follows on `phi`."""
        return self.forward_sequence(theta, phi, x)[0]

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        data = episode.query
        out, value = self.forward_sequence(theta, self.initial_state(theta), data.x)
        error = ((value - data.ret) / _deviation(theta, "ret")[0]).square()
        return self.outer(out, data) + 0.5 * self.value_coef * mean_alive(error, data)

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        """theta with the statistics of what is seen brought up to date."""
        return theta | _updated(theta, "seen", data.x[data.alive], all_reduce_sum)

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        """theta with those of returns brought up to date; the value head says the same of every state as before."""
        new = theta | _updated(theta, "ret", data.ret[data.alive][:, None], all_reduce_sum)
        before, after = _deviation(theta, "ret"), _deviation(new, "ret")
        weight, bias = (f"value.{name}" for name in self.value_net.head)
        shifted = (before * theta[bias] + theta["ret.mean"] - new["ret.mean"]) / after
        return new | {weight: theta[weight] * before / after, bias: shifted}


def select_alive(new: Params, old: Params, where: Tensor) -> Params:
    """`new` memories of those trials `where` [...] is true, `old` ones of the others."""
    return {k: torch.where(where[(..., *(None,) * (v.dim() - where.dim()))], v, old[k]) for k, v in new.items()}


def _named(name: str, params: Params) -> Params:
    return {f"{name}.{k}": v for k, v in params.items()}


def _of(name: str, theta: Params) -> Params:
    return {k.removeprefix(f"{name}."): v for k, v in theta.items() if k.startswith(f"{name}.")}


def _nothing(size: int) -> Params:
    """Statistics of no data: what is usual is 0 with deviation 1."""
    return {"mean": torch.zeros(size), "var": torch.ones(size), "count": torch.zeros(1)}


def _deviation(theta: Params, name: str) -> Tensor:
    var = theta[f"{name}.var"].detach()
    return torch.where(var > SMALL, var, 1.0).sqrt()  # what never varies is left as it is


def _usual(theta: Params, x: Tensor) -> Tensor:
    """x [..., I] in deviations from what is usual."""
    return ((x - theta["seen.mean"].detach()) / _deviation(theta, "seen")).clamp(-MAX_SEEN, MAX_SEEN)


def _updated(theta: Params, name: str, data: Tensor, all_reduce_sum: AllReduceSum) -> Params:
    """Mean and variance of all data so far and everybody's `data` [M, size] (Chan et al. 1979)."""
    mean, var, count = (theta[f"{name}.{k}"] for k in ("mean", "var", "count"))
    m = float(all_reduce_sum(torch.tensor(len(data))))
    if not m:
        return {}
    share = m / (count + m)
    usual = all_reduce_sum(data.sum(0)) / m
    spread = all_reduce_sum((data - usual).square().sum(0)) / m
    delta = usual - mean
    merged = (1 - share) * var + share * spread + share * (1 - share) * delta.square()
    return _named(name, {"mean": mean + share * delta, "var": merged, "count": (count + m).clamp_max(MAX_COUNT)})
