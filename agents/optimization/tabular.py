"""A Markov decision process small enough to enumerate all its episodes, so that every expectation is a finite sum.

The mean, bias and variance of an estimator of a policy gradient's derivative are then computed exactly, not sampled.

Axes: `M` episodes (all of them), `T` steps, `S` states, `A` actions.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, hessian, vmap

from agents.distributions import Categorical, log_prob
from agents.objectives import score_function
from agents.records import Exploration, Objective, Params, Transitions


class Tabular:
    """Random rewards and random deterministic transitions; an episode starts in the first state. It is also the policy
    network: a table of logits."""

    def __init__(self, states: int, actions: int, horizon: int, generator: torch.Generator) -> None:
        self.states, self.actions, self.horizon = states, actions, horizon
        self.next = torch.randint(states, (states, actions), generator=generator)
        self.rew = torch.randn(states, actions, generator=generator, dtype=torch.float64)

    def init(self, generator: torch.Generator) -> Params:
        return {"logits": torch.randn(self.states, self.actions, generator=generator, dtype=torch.float64)}

    def __call__(self, params: Params, x: Tensor) -> Categorical:
        """One-hot states [..., S] -> a distribution over actions [..., A]."""
        return Categorical(x @ params["logits"])

    def episodes(self, params: Params, baseline: bool = False) -> Transitions:
        """All episodes [M, T, 1], as if sampled by `params`.

        The advantage is the return to go, minus its expectation if `baseline`.
        """
        chosen = torch.tensor(list(itertools.product(range(self.actions), repeat=self.horizon)))  # [M, T]
        state, states, rewards = torch.zeros(len(chosen), dtype=torch.long), [], []
        for act in chosen.T:
            states.append(state)
            rewards.append(self.rew[state, act])
            state = self.next[state, act]
        visited, rew = torch.stack(states, 1), torch.stack(rewards, 1)
        ret = rew.flip(1).cumsum(1).flip(1)
        expected = self.values(params)[torch.arange(self.horizon), visited] if baseline else torch.zeros_like(ret)
        x = torch.nn.functional.one_hot(visited, self.states)[:, :, None].double()
        act = torch.nn.functional.one_hot(chosen, self.actions)[:, :, None].double()
        out = self(params, x)
        alive = torch.ones(*chosen.shape, 1, dtype=torch.bool)
        logp = log_prob(out, act)
        adv = (ret - expected)[..., None]
        return Transitions(x, act, logp, out.mean, out.log_std, adv, alive, ret[..., None], x[..., :0])

    def values(self, params: Params) -> Tensor:
        """Expected return to go at every step in every state, [T, S]."""
        pi, value, out = params["logits"].softmax(-1), torch.zeros(self.states, dtype=torch.float64), []
        for _ in range(self.horizon):
            value = (pi * (self.rew + value[self.next])).sum(-1)
            out.append(value)
        return torch.stack(out[::-1])

    def expected_return(self, params: Params) -> Tensor:
        """Scalar, differentiable any number of times."""
        return self.values(params)[0, 0]

    def likelihood(self, params: Params, episodes: Transitions) -> Tensor:
        """Probability of every episode, [M]; they sum to one."""
        return log_prob(self(params, episodes.x), episodes.act).sum((1, 2)).exp()


class Moments(NamedTuple):
    """Moments of an estimator. Bias and deviation are relative to the norm of the true value."""

    mean: Tensor
    bias: float
    deviation: float  # root of the summed variances of its elements


def moments(estimates: Tensor, weights: Tensor, target: Tensor) -> Moments:
    """Estimates [M, ...] of `target` [...], each with its probability [M]."""
    flat, true = estimates.flatten(1), target.flatten()
    mean = weights @ flat
    spread = (weights @ (flat - mean).square().sum(1)).sqrt()
    size = true.norm()
    return Moments(mean.view_as(target), ((mean - true).norm() / size).item(), (spread / size).item())


def second_derivative(mdp: Tabular, params: Params, objective: Objective, baseline: bool) -> Moments:
    """The second derivative of the return, as `objective` of one episode estimates it."""
    data = mdp.episodes(params, baseline)

    def score(logits: Tensor, episode: Transitions) -> Tensor:
        return -mdp.horizon * objective(mdp({"logits": logits}, episode.x), episode)

    estimates = vmap(hessian(score), in_dims=(None, 0))(params["logits"], data)
    exact = hessian(lambda logits: mdp.expected_return({"logits": logits}))(params["logits"])
    return moments(estimates, mdp.likelihood(params, data), exact)


def meta_gradient(
    mdp: Tabular,
    params: Params,
    objective: Objective,
    exploration: Exploration | None,
    episodes: int,
    rate: float,
    first_order: bool = False,
) -> Moments:
    """The gradient of the expected return after an inner step, as `objective` differentiates the step.

    The step has size `rate` and uses `episodes` episodes. The return after it is exact, not sampled.
    """
    data = mdp.episodes(params, baseline=True)
    support = _combinations(data, episodes)

    def after(logits: Tensor, batch: Transitions, inner: Objective, detach: bool = False) -> Tensor:
        step: Tensor = grad(lambda at: mdp.horizon * inner(mdp({"logits": at}, batch.x), batch))(logits)
        return mdp.expected_return({"logits": logits - rate * (step.detach() if detach else step)})

    def estimate(logits: Tensor, batch: Transitions) -> Tensor:
        ret = after(logits, batch, objective, first_order)
        if exploration is None:
            return ret
        query = batch._replace(ret=ret.detach().expand_as(batch.ret))
        return ret - mdp.horizon * exploration(mdp({"logits": logits}, batch.x), batch, query)

    def exact(logits: Tensor) -> Tensor:
        probabilities = _joint_probabilities(mdp.likelihood({"logits": logits}, data), episodes)
        return probabilities @ vmap(lambda batch: after(logits, batch, score_function))(support)

    at = params["logits"]
    weights = _joint_probabilities(mdp.likelihood(params, data), episodes)
    return moments(vmap(grad(estimate), in_dims=(None, 0))(at, support), weights, grad(exact)(at))


def _combinations(data: Transitions, count: int) -> Transitions:
    """All ordered choices of `count` episodes with replacement, [M^count, T, count, ...]."""
    index = torch.tensor(list(itertools.product(range(len(data.alive)), repeat=count)))
    return Transitions(*(t[index][:, :, :, 0].transpose(1, 2) for t in data))


def _joint_probabilities(p: Tensor, count: int) -> Tensor:
    """Probabilities of these choices, [M^count], of episodes with probabilities p [M]."""
    out = torch.ones(1, dtype=p.dtype)
    for _ in range(count):
        out = (out[:, None] * p).flatten()
    return out
