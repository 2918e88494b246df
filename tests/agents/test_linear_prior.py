"""A linear baseline whose prior is learned over tasks."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from agents.advantages import baseline_features, fit_linear_baseline, no_reduce
from agents.learner import Episode, Params
from agents.linear_prior import LinearPrior, fit_with_prior, initial_prior, updated
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import policy_gradient
from agents.optimization import MAML
from agents.optimization.hierarchical import WithHierarchicalBaseline
from agents.records import without_prefix
from tests.probes import random_transitions

OBS, STEPS = 2, 40


def tasks_of(count: int, episodes: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Returns that are 5 + w o_0 plus noise of deviation 0.5, w drawn for each task: obs, ret, alive [N, T, E, ...]."""
    generator = torch.Generator().manual_seed(seed)
    obs = torch.randn(count, STEPS, episodes, OBS, generator=generator)
    weights = 2 * torch.randn(count, 1, 1, generator=generator)
    ret = 5 + weights * obs[..., 0] + 0.5 * torch.randn(obs.shape[:3], generator=generator)
    alive = torch.rand(obs.shape[:3], generator=generator) < 0.9
    return obs, ret, alive


def learned(count: int = 60) -> LinearPrior:
    return updated(initial_prior(OBS), *tasks_of(count, 3), no_reduce)


def test_before_any_data_the_baseline_is_the_least_squares_of_the_task() -> None:
    obs, ret, alive = (x[0] for x in tasks_of(1, 3))
    value = fit_with_prior(initial_prior(OBS), obs, ret, alive)
    torch.testing.assert_close(value, fit_linear_baseline(obs, ret, alive), rtol=0, atol=1e-6)


def test_values_are_the_expectation_of_a_normal_distribution_given_the_returns() -> None:
    """V = F m + F C F' (F C F' + v I)^-1 (y - F m): the same, computed over steps instead of over weights."""
    prior = learned()
    obs, ret, _ = (x[0] for x in tasks_of(1, 2, seed=1))
    features = (baseline_features(obs) / prior.scale.double()).flatten(0, 1)
    mean, y = features @ prior.mean.double(), ret.double().flatten()
    between = features @ prior.cov.double() @ features.T
    noise = (prior.noise * prior.correlated).double() * torch.eye(len(y), dtype=torch.float64)
    expected = mean + between @ torch.linalg.solve(between + noise, y - mean)
    value = fit_with_prior(prior, obs, ret, torch.ones_like(ret, dtype=torch.bool))
    torch.testing.assert_close(value.flatten(), expected, rtol=1e-4, atol=1e-4)


def test_the_prior_finds_the_mean_and_in_which_direction_tasks_differ() -> None:
    """The constant is 5 for all, the weight of o_0 is drawn with deviation 2, and those of o_1 and of squares are 0.

    (Time, its square and its cube can stand for each other.)
    """
    prior = learned(400)
    deviation = (prior.cov.diagonal().sqrt() / prior.scale).tolist()
    assert abs(deviation[0] - 2) < 0.3, deviation
    assert max(deviation[1:4]) < 0.3, deviation
    obs = torch.zeros(STEPS, 1, OBS)
    nothing = torch.zeros(STEPS, 1, dtype=torch.bool)
    torch.testing.assert_close(
        fit_with_prior(prior, obs, torch.zeros(STEPS, 1), nothing),
        torch.full((STEPS, 1), 5.0).double(),
        atol=0.2,
        rtol=0,
    )


def test_one_episode_is_enough_where_the_task_alone_is_overfitted() -> None:
    prior = learned()
    errors: dict[str, float] = {"alone": 0.0, "drawn": 0.0}
    obs, ret, alive = tasks_of(20, 1, seed=2)
    alive[:, 12:] = False  # a short one
    clean_obs, clean_ret, _ = tasks_of(20, 1, seed=2)
    weights = [
        fit_linear_baseline(o, r, torch.ones_like(r, dtype=torch.bool))
        for o, r in zip(clean_obs, clean_ret, strict=True)
    ]
    for o, r, a, truth in zip(obs, ret, alive, weights, strict=True):
        errors["alone"] += float((fit_linear_baseline(o, r, a) - truth).square().mean())
        errors["drawn"] += float((fit_with_prior(prior, o, r, a) - truth).square().mean())
    assert errors["drawn"] < 0.3 * errors["alone"], errors


def test_two_processes_with_half_of_the_tasks_each_find_the_same_prior() -> None:
    obs, ret, alive = tasks_of(8, 2)
    whole = updated(updated(initial_prior(OBS), obs, ret, alive, no_reduce), obs, ret, alive, no_reduce)
    found: dict[int, LinearPrior] = {}
    reduce = _reduce_of_two()

    def process(rank: int) -> None:
        part, prior = slice(4 * rank, 4 * rank + 4), initial_prior(OBS)
        for _ in range(2):
            prior = updated(prior, obs[part], ret[part], alive[part], reduce(rank))
        found[rank] = prior

    threads = [threading.Thread(target=process, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for prior in found.values():
        for mine, theirs in zip(prior, whole, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def _reduce_of_two() -> Callable[[int], Callable[[Tensor], Tensor]]:
    barrier, given = threading.Barrier(2), [torch.zeros(()), torch.zeros(())]

    def of(rank: int) -> Callable[[Tensor], Tensor]:
        def all_reduce_sum(x: Tensor) -> Tensor:
            given[rank] = x
            barrier.wait(60)
            total = given[0] + given[1]
            barrier.wait(60)
            return total

        return all_reduce_sum

    return of


def wrapped() -> tuple[WithHierarchicalBaseline, Params]:
    learner = MAML(GaussianMLP(OBS, 2, (4,)), policy_gradient, policy_gradient)
    with_baseline = WithHierarchicalBaseline(learner, OBS, learner.rounds)
    theta = with_baseline.init(torch.Generator().manual_seed(0))
    return with_baseline, {k: v.double() for k, v in theta.items()}


def test_the_learner_itself_is_what_it_was() -> None:
    with_baseline, theta = wrapped()
    data = random_transitions(2, OBS, 2, torch.Generator().manual_seed(0))
    one, two = (type(data)(*(x[i] for x in data)) for i in (0, 1))
    own = without_prefix("baseline.", theta)
    assert with_baseline.loss(theta, Episode((one,), two)) == with_baseline.learner.loss(own, Episode((one,), two))
    phi = with_baseline.adapt(theta, with_baseline.initial_state(theta), one)
    assert phi.keys() == own.keys()


def test_every_round_has_a_prior_of_its_own_and_later_ones_that_of_the_adapted_policy() -> None:
    with_baseline, theta = wrapped()
    generator = torch.Generator().manual_seed(0)
    support, query = (random_transitions(3, OBS, 2, generator) for _ in range(2))
    moved = with_baseline.update_baseline(theta, Episode((support,), query._replace(ret=query.ret + 9)), no_reduce)
    means = [with_baseline.baseline_prior(moved, k).mean for k in range(3)]
    assert not torch.equal(means[0], means[1])
    assert torch.equal(means[1], means[2])
    assert all(moved[k] is theta[k] for k in theta if not k.startswith("baseline."))
