"""RL^2: Y. Duan, J. Schulman, X. Chen, P. Bartlett, I. Sutskever, P. Abbeel, 2016, Fast reinforcement learning via slow
reinforcement learning, arXiv 1611.02779; J. X. Wang et al., 2016, Learning to reinforcement learn, arXiv 1611.05763.

Carried from task to task: a recurrent core, the policy and value heads, and running statistics of inputs and returns.
Formed within one task: the core's memory, over a trial of several episodes. Trained by PPO on whole trials with the
return of the whole trial, so that exploration in one episode is rewarded by the next. Any core replaces their GRU and
LSTM: with `agents.memory.mann.LRUA` or `agents.memory.ntm.NTM` it is a memory-augmented policy.

Departures: policy and value are perceptrons on the core's features and its input, so that reactive behaviour needs no
memory; inputs and returns are normalised by running statistics; the value function may observe the task's true
parameters (`agents.nn.critic`).

Axes: `L` steps of a trial, `B` trials, `I` input: observation, previous action, previous reward, and whether an episode
has just ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import Network, Objective, RecurrentLearner, adapt_rounds
from agents.nn.cores import Core, run
from agents.nn.critic import Critic, RunningStatistics
from agents.nn.statistics import initial_stats, normalize_input
from agents.records import (
    Chunks,
    Episode,
    Params,
    StoredState,
    Transitions,
    flat_state,
    select_prefix,
    unflat_state,
    with_prefix,
)


@dataclass(frozen=True)
class RL2(RunningStatistics, RecurrentLearner):
    """core: of inputs I. inputs: I. policy, critic: of inputs core.dim + I. outer: the policy's objective.

    rounds: episodes of a trial before its last. memory_reset: when the memory is reset, at every `trial` or at every
    `episode` (the baseline that cannot learn from one episode to the next). trial_unit, bptt_steps: those of
    `RecurrentLearner`.
    """

    core: Core
    inputs: int
    policy: Network[Policy]
    critic: Critic
    outer: Objective
    value_coef: float = 0.5
    rounds: int = 1
    memory_reset: str = "trial"
    trial_unit: str = "episodes"
    bptt_steps: int = 0

    def init(self, generator: torch.Generator) -> Params:
        learned = self.core.init(generator) | with_prefix("policy.", self.policy.init(generator))
        return learned | self.critic.init(generator) | initial_stats("seen", self.inputs)

    def initial_state(self, theta: Params) -> Params:
        return self.core.initial_state(theta)

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """Input [..., I] -> the next memory and an action distribution."""
        x = normalize_input(theta, x)
        phi, features = self.core.step(theta, phi, self.core.project_input(theta, x))
        return phi, self._action_distribution(theta, torch.cat([features, x], -1))

    def forward_sequence(self, theta: Params, phi: Params, x: Tensor, descriptor: Tensor) -> tuple[Policy, Tensor]:
        """Action distributions and values of whole sequences [L, B, I], given the memory at their start."""
        features = self._features(theta, phi, x)
        return self._action_distribution(theta, features), self.critic(theta, features, descriptor)

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        """Predicted return to go at every step [L, B] of trials [L, B, I] of tasks with descriptors [L, B, P]."""
        return self.critic(theta, self._features(theta, self.initial_state(theta), x), descriptor)

    def _features(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """The core's features and its normalised input, [L, B, dim + I]."""
        x = normalize_input(theta, x)
        return torch.cat([run(self.core, theta, phi, x, fused=True)[1], x], -1)

    def _action_distribution(self, theta: Params, features: Tensor) -> Policy:
        return self.policy(select_prefix("policy.", theta), features)

    def latent(self, theta: Params, x: Tensor, phi: Params | None = None) -> tuple[Tensor, Tensor | None]:
        """What is known of the task at every step of trials [L, B, I]: the memory's features [L, B, Z]; no spread.

        phi: the memory before the first step, by default that of the start of a trial.
        """
        start = self.initial_state(theta) if phi is None else phi
        return run(self.core, theta, start, normalize_input(theta, x), fused=True)[1], None

    def states_before(self, theta: Params, x: Tensor, every: int) -> Tensor:
        phi = {k: v.expand(x.shape[1], *v.shape) for k, v in self.initial_state(theta).items()}
        states = []
        for piece in torch.split(normalize_input(theta, x[..., : self.inputs]), every):
            states.append(flat_state(phi))
            phi = run(self.core, theta, phi, piece, fused=True)[0]
        return torch.stack(states)

    def adapt(self, theta: Params, phi: Params, support: Transitions | StoredState) -> Params:
        """The memory after an episode, or the stored one; it does not change at steps that are not alive."""
        if isinstance(support, StoredState):
            return unflat_state(support.flat[0], self.initial_state(theta))
        for x, alive in zip(support.x, support.alive, strict=True):
            phi = select_alive(self.step(theta, phi, x)[0], phi, alive)
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        """Action distributions at every step of a sequence x [L, ..., I] that starts from the memory `phi`."""
        return self._action_distribution(theta, self._features(theta, phi, x))

    def loss(self, theta: Params, episode: Episode | Chunks) -> Tensor:
        """The policy's objective plus value_coef / 2 times the squared value error, in units of the return's std."""
        data = episode.query
        phi = adapt_rounds(self, theta, episode.support)
        out, value = self.forward_sequence(theta, phi, data.x, data.descriptor)
        return self.outer(out, data) + self.value_coef * self.critic.loss(theta, value, data)


def select_alive(new: Params, old: Params, alive: Tensor) -> Params:
    """Memories of trials: `new` ones where `alive` [...], else `old` ones."""
    return {k: torch.where(alive[(..., *(None,) * (v.dim() - alive.dim()))], v, old[k]) for k, v in new.items()}
