"""A decision process so small that all its episodes can be written down, and every expectation is a sum over them.

On it an estimator of a policy gradient's derivative is not sampled but known: its mean, its bias and its variance.

Axes: `M` episodes, all there are; `T` steps; `S` states; `A` actions.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, hessian, vmap

from agents.distributions import Categorical, log_prob
from agents.learner import Exploration, Objective, Params, Transitions
from agents.objectives import score_function


class Tabular:
    """Random rewards and random, certain transitions; an episode starts in the first state. A policy is a table of
    logits, and this its network."""

    def __init__(self, states: int, actions: int, horizon: int, generator: torch.Generator) -> None:
        self.states, self.actions, self.horizon = states, actions, horizon
        self.next = torch.randint(states, (states, actions), generator=generator)
        self.rew = torch.randn(states, actions, generator=generator, dtype=torch.float64)

    def init(self, generator: torch.Generator) -> Params:
        return {"logits": torch.randn(self.states, self.actions, generator=generator, dtype=torch.float64)}

    def __call__(self, params: Params, x: Tensor) -> Categorical:
        """x [..., S], zeros and a one -> a choice of [..., A]."""
        return Categorical(x @ params["logits"])

    def episodes(self, params: Params, baseline: bool = False) -> Transitions:
        """Every episode there is, [M, T, 1], as if `params` had sampled it; the advantage is the return to come, less
        its expectation with `baseline`."""
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
        return Transitions(x, act, logp, out.mean, out.log_std, (ret - expected)[..., None], alive, ret[..., None])

    def values(self, params: Params) -> Tensor:
        """The return to expect at every step in every state, [T, S]."""
        pi, value, out = params["logits"].softmax(-1), torch.zeros(self.states, dtype=torch.float64), []
        for _ in range(self.horizon):
            value = (pi * (self.rew + value[self.next])).sum(-1)
            out.append(value)
        return torch.stack(out[::-1])

    def expected_return(self, params: Params) -> Tensor:
        """Scalar, to be differentiated as often as one likes."""
        return self.values(params)[0, 0]

    def likelihood(self, params: Params, episodes: Transitions) -> Tensor:
        """Of every episode [M]; they sum to one."""
        return log_prob(self(params, episodes.x), episodes.act).sum((1, 2)).exp()


class Moments(NamedTuple):
    """Of an estimate, all in units of the norm of what it is to be."""

    mean: Tensor
    bias: float
    deviation: float  # root of the summed variances of its elements


def moments(estimates: Tensor, weights: Tensor, target: Tensor) -> Moments:
    """Estimates [M, ...] of `target` [...], each with its probability [M]."""
    flat, wanted = estimates.flatten(1), target.flatten()
    mean = weights @ flat
    spread = (weights @ (flat - mean).square().sum(1)).sqrt()
    size = wanted.norm()
    return Moments(mean.view_as(target), ((mean - wanted).norm() / size).item(), (spread / size).item())


def second_derivative(mdp: Tabular, params: Params, objective: Objective, baseline: bool) -> Moments:
    """Of the return, as an episode's `objective` estimates it, against the exact one."""
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
    """Of the return expected after a step of `rate` on `episodes` episodes: as `objective` differentiates the step,
    against the exact one. What comes after the step is known and not sampled."""
    data = mdp.episodes(params, baseline=True)
    support = _several(data, episodes)

    def after(logits: Tensor, some: Transitions, inner: Objective, fixed: bool = False) -> Tensor:
        step: Tensor = grad(lambda at: mdp.horizon * inner(mdp({"logits": at}, some.x), some))(logits)
        return mdp.expected_return({"logits": logits - rate * (step.detach() if fixed else step)})

    def judged(logits: Tensor, some: Transitions) -> Tensor:
        reached = after(logits, some, objective, first_order)
        if exploration is None:
            return reached
        query = some._replace(ret=reached.detach().expand_as(some.ret))
        return reached - mdp.horizon * exploration(mdp({"logits": logits}, some.x), some, query)

    def whole(logits: Tensor) -> Tensor:
        each = mdp.likelihood({"logits": logits}, data)
        together = _products(each, episodes)
        return together @ vmap(lambda some: after(logits, some, score_function))(support)

    at = params["logits"]
    weights = _products(mdp.likelihood(params, data), episodes)
    return moments(vmap(grad(judged), in_dims=(None, 0))(at, support), weights, grad(whole)(at))


def _several(data: Transitions, count: int) -> Transitions:
    """Every choice of `count` episodes, in order: [M^count, T, count, ...]."""
    index = torch.tensor(list(itertools.product(range(len(data.alive)), repeat=count)))
    return Transitions(*(t[index][:, :, :, 0].transpose(1, 2) for t in data))


def _products(p: Tensor, count: int) -> Tensor:
    """Probabilities of the same choices, [M^count]."""
    out = torch.ones(1, dtype=p.dtype)
    for _ in range(count):
        out = (out[:, None] * p).flatten()
    return out
