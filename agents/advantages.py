"""Advantages: a linear baseline fitted in closed form, and generalised advantage estimation (GAE).

All functions see one task: rew, alive, terminated [T, E], obs [T, E, O].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

RIDGE = 1e-5  # rllab's LinearFeatureBaseline, reg_coeff
MAX_OBS = 10.0  # rllab's LinearFeatureBaseline clips observations to +-10


AllReduceSum = Callable[[Tensor], Tensor]
"""The sum over all processes of their local tensors."""


def no_reduce(x: Tensor) -> Tensor:
    """The sum over a single process."""
    return x


def discounted(x: Tensor, discount: float | Tensor) -> Tensor:
    """y_t = x_t + discount * y_{t+1} along the first axis, x [T, ...]; discount: one, or one for each step [T, ...]."""
    out, running = [], torch.zeros_like(x[0])
    for t in range(len(x) - 1, -1, -1):
        running = x[t] + (discount[t] if isinstance(discount, Tensor) else discount) * running
        out.append(running)
    return torch.stack(out[::-1])


def baseline_features(obs: Tensor) -> Tensor:
    """[o, o^2, t, t^2, t^3, 1] with o clipped and t in hundreds of steps (Duan et al. 2016), [T, E, F] float64."""
    o = obs.double().clamp(-MAX_OBS, MAX_OBS)
    t = (torch.arange(len(obs), dtype=torch.float64, device=obs.device) / 100)[:, None, None]
    t = t.expand(*obs.shape[:2], 1)
    return torch.cat([o, o.square(), t, t.square(), t**3, torch.ones_like(t)], -1)


def fit_linear_baseline(obs: Tensor, ret: Tensor, alive: Tensor) -> Tensor:
    """Values by ridge regression of the returns on the features, [T, E] float64.

    With fewer than about ten steps for each of the 2 O + 4 features the fit overfits the returns, and the advantages
    become noise: ten episodes of a hundred steps are plenty for a cheetah, one is too few.
    """
    features = baseline_features(obs)
    weighted = torch.where(alive[..., None], features, 0.0).flatten(0, 1)  # [T*E, F]
    gram = weighted.T @ weighted
    gram = gram + RIDGE * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    right = weighted.T @ ret.double().flatten()
    weights: Tensor = torch.linalg.solve_ex(gram, right)[0]  # [F]; solve_ex does not synchronise with the GPU
    return features @ weights


def gae(
    rew: Tensor,
    value: Tensor,
    terminated: Tensor,
    alive: Tensor,
    gamma: float,
    gae_lambda: float,
    last_value: Tensor | None = None,
) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16), [T, E].

    Nothing is carried over a termination, after which another episode may follow.
    last_value: the value [E] of what follows the last step. Without it the horizon is part of the task, and the value
        after the last step is zero, as it is after a termination.
    """
    next_value = torch.cat([value[1:], (torch.zeros_like(value[0]) if last_value is None else last_value)[None]])
    goes_on = ~terminated
    delta = torch.where(alive, rew + gamma * next_value * goes_on - value, 0.0)
    return discounted(delta, gamma * gae_lambda * goes_on)


def normalized_advantages(adv: Tensor, alive: Tensor, all_reduce_sum: AllReduceSum = no_reduce) -> Tensor:
    """Zero mean and unit variance over the alive steps of all processes, zero elsewhere."""
    count = all_reduce_sum(alive.sum()).clamp_min(1)
    centred = torch.where(alive, adv - all_reduce_sum((adv * alive).sum()) / count, 0.0)
    return centred / ((all_reduce_sum(centred.square().sum()) / count).sqrt() + 1e-8)


Fit = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Observations [T, E, O], returns to go and alive steps [T, E] of a task -> values [T, E] float64."""


def advantages(
    obs: Tensor,
    rew: Tensor,
    terminated: Tensor,
    alive: Tensor,
    gamma: float,
    gae_lambda: float,
    fit: Fit = fit_linear_baseline,
) -> tuple[Tensor, Tensor]:
    """Normalised advantages of one task, with a linear baseline fitted on the same data, and returns, [T, E] each."""
    rew = rew.double()
    ret = discounted(rew, gamma)
    value = fit(obs, ret, alive)
    return normalized_advantages(gae(rew, value, terminated, alive, gamma, gae_lambda), alive).float(), ret.float()


def segment_advantages(
    rew: Tensor,
    value: Tensor,
    last_value: Tensor | None,
    terminated: Tensor,
    alive: Tensor,
    gamma: float,
    gae_lambda: float,
    all_reduce_sum: AllReduceSum = no_reduce,
) -> tuple[Tensor, Tensor]:
    """Normalised advantages and lambda-returns of steps [T, W] in which an episode follows another, given values.

    Advantages are normalised over all worlds of all processes. last_value: that of `gae`.
    """
    raw = gae(rew, value, terminated, alive, gamma, gae_lambda, last_value)
    return normalized_advantages(raw, alive, all_reduce_sum), raw + value


def trial_advantages(
    rew: Tensor,
    value: Tensor,
    alive: Tensor,
    cut: Tensor,
    over: Tensor,
    gamma: float,
    gae_lambda: float,
    all_reduce_sum: AllReduceSum = no_reduce,
) -> tuple[Tensor, Tensor]:
    """Normalised advantages and lambda-returns of trials [L, B] whose alive steps come first, given predicted values.

    The end of an episode within a trial is not a termination: exploration in one episode is credited with the rewards
    of the next. Only the end of the trial is, and steps that are `over`. cut: marks what follows the last step of a
    trial that time has cut; its value stands for all that would have come. Elsewhere nothing would.
    """
    value = torch.where(alive | cut, value, 0.0)
    return segment_advantages(rew, value, None, over, alive, gamma, gae_lambda, all_reduce_sum)
