"""Outer steps: conjugate gradient, the trust region, and the optimiser's state."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from agents.distributions import Policy
from agents.learner import Episode, Learner, Params, SupervisedTask, mean_over_tasks, post_adaptation_objective
from agents.nn.perceptrons import RegressionMLP
from agents.objectives import kl_to_sampling, mse, policy_gradient
from agents.optimization import MAML, Supervised
from envs.bandit import BernoulliBandit
from envs.core import Examples
from envs.fewshot.sinusoid import Sinusoid
from metarl.config.experiment import Config
from metarl.training.collect import collect_rollouts
from metarl.training.outer import Gradient
from metarl.training.trainer import Trainer
from metarl.training.trpo import TRPO, _unflatten, conjugate_gradient, gauss_newton_product


def test_conjugate_gradient_solves_a_linear_system(generator: torch.Generator) -> None:
    root = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    matrix, b = root @ root.T + torch.eye(6), torch.randn(6, generator=generator, dtype=torch.float64)
    x = conjugate_gradient(lambda v: matrix @ v, b, iterations=20, tol=1e-20)
    assert torch.allclose(matrix @ x, b, atol=1e-8)


def experience(trainer: Trainer, seed: int) -> Episode:
    generator = torch.Generator().manual_seed(seed)
    tasks = trainer.family.sample(4, "train", generator)
    return collect_rollouts(
        trainer.learner,
        trainer.state.theta,
        trainer.family,
        tasks,
        (5,) * (trainer.learner.rounds + 1),
        trainer.advantage,
        generator,
    ).episode


def evaluated(trainer: Trainer, theta: Params, episodes: Episode) -> tuple[float, float]:
    kl = mean_over_tasks(post_adaptation_objective(trainer.learner, kl_to_sampling), theta, episodes)
    loss = mean_over_tasks(post_adaptation_objective(trainer.learner, policy_gradient), theta, episodes)
    return loss.item(), kl.item()


@pytest.mark.parametrize("max_kl", [1e-4, 1e-2, 1.0])
def test_trpo_never_accepts_a_step_beyond_its_bound(max_kl: float, small: Callable[..., Config]) -> None:
    """Measured anew from the accepted parameters; the surrogate has fallen whenever theta moved."""
    trainer = Trainer(small("maml_point", outer={"kind": "trpo", "max_kl": max_kl}, learner__each_round=False))
    moved = 0
    for seed in range(8):
        episodes = experience(trainer, seed)
        start = trainer.state.theta
        before, _ = evaluated(trainer, start, episodes)
        metrics = trainer.outer.step(episodes)
        theta = trainer.theta
        after, kl = evaluated(trainer, theta, episodes)
        assert kl <= max_kl + 1e-7
        if metrics["accepted"]:
            moved += 1
            assert after < before
            assert kl == pytest.approx(metrics["kl"], rel=1e-3, abs=1e-7)
        else:
            assert all(torch.equal(theta[k], start[k]) for k in theta)
    assert moved >= 6


def test_trpo_stays_where_it_is_when_no_step_is_good_enough(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("maml_point", outer={"kind": "trpo"}, learner__each_round=False))
    episodes = experience(trainer, 0)
    outer = TRPO(trainer.learner, trainer.theta, max_kl=1e-2, line_search_steps=1)
    outer.max_kl = 1e-2
    flat = torch.cat([v.flatten() for v in trainer.state.theta.values()])
    theta, moved, kl = outer._line_search(flat, 1e3 * torch.ones_like(flat), 0.0, lambda at: (at.sum(), at.sum() * 0))
    assert moved == 1.0  # a large fall within the bound is taken
    theta, moved, kl = outer._line_search(flat, 1e3 * torch.ones_like(flat), 0.0, lambda at: (at.sum(), at.sum() * -1))
    assert moved == 0.0  # the same fall beyond the bound is not
    assert torch.equal(theta, flat)
    assert kl == 0.0
    assert episodes.query.x.shape[0] == 4


@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
@pytest.mark.parametrize("rounds", [1, 2])
def test_the_kl_hessian_goes_through_the_inner_steps(rounds: int, discrete: bool, small: Callable[..., Config]) -> None:
    """The product equals central differences of the gradient where the policies are those that sampled; a first-order
    one does not."""
    bounded = {"outer": {"kind": "trpo"}, "learner__inner_steps": 2, "learner__rounds": rounds}
    bounded["learner__each_round"] = False
    family = BernoulliBandit(3, 10) if discrete else None
    trainer = Trainer(small("maml_point", **bounded), family=family)
    episodes = torch.utils._pytree.tree_map(
        lambda x: x.double() if x.is_floating_point() else x, experience(trainer, 1)
    )
    theta = {k: v.double() for k, v in trainer.state.theta.items()}
    shapes = {k: v.shape for k, v in theta.items()}
    flat = torch.cat([v.flatten() for v in theta.values()])
    v = torch.randn(len(flat), generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def policy(at: torch.Tensor, first_order: bool) -> Policy:
        learner = dataclasses.replace(trainer.learner, first_order=first_order)  # type: ignore[type-var]
        adapted = post_adaptation_objective(learner, lambda out, data: out)  # type: ignore[arg-type, return-value]
        return torch.func.vmap(adapted, in_dims=(None, 0))(_unflatten(at, shapes), episodes)

    sampled = policy(flat, False)
    episodes = episodes._replace(query=episodes.query._replace(mean=sampled.mean, log_std=sampled.log_std))

    def kl(out: Policy) -> torch.Tensor:
        return torch.func.vmap(kl_to_sampling)(out, episodes.query).mean()

    def product(first_order: bool) -> torch.Tensor:
        leaf = flat.clone().requires_grad_()
        return gauss_newton_product(kl, policy(leaf, first_order), leaf)(v)

    def gradient(at: torch.Tensor) -> torch.Tensor:
        leaf = at.clone().requires_grad_()
        return torch.autograd.grad(kl(policy(leaf, False)), leaf)[0]

    differences = (gradient(flat + 1e-5 * v) - gradient(flat - 1e-5 * v)) / 2e-5
    assert torch.allclose(product(first_order=False), differences, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(product(first_order=True), differences, rtol=1e-3, atol=1e-5)


def test_no_epoch_is_begun_beyond_the_bound(small: Callable[..., Config]) -> None:
    """Theta after k epochs, without a bound, is that of a bound between the KL after k - 1 and k of them."""
    kls, ends = [0.0], []
    for epochs in range(1, 5):
        free = Trainer(small("maml_point", outer__outer_lr=0.02, outer__target_kl=0.0, outer__num_epochs=epochs))
        episodes = experience(free, 0)
        assert free.outer.step(episodes).keys() == {"loss", "grad_norm"}
        ends.append(free.state.theta)
        kls.append(evaluated(free, ends[-1], episodes)[1])
    assert kls == sorted(kls)
    for k, bound in enumerate([*((a + b) / 2 for a, b in pairwise(kls)), 1e9], 1):
        bounded = Trainer(small("maml_point", outer__outer_lr=0.02, outer__target_kl=bound, outer__num_epochs=4))
        metrics = bounded.outer.step(episodes)
        taken = min(k, 4)
        assert metrics["epochs"] == taken
        assert metrics["kl"] == pytest.approx(kls[taken], rel=1e-4)
        assert metrics["outer_lr"] == pytest.approx(0.02)
        assert all(torch.equal(v, ends[taken - 1][name]) for name, v in bounded.theta.items())


@pytest.mark.parametrize(("desired_kl", "factor", "limit"), [(1e-9, 1 / 1.5, 1e-5), (1e9, 1.5, 1e-2)])
def test_the_rate_follows_the_kl_from_step_to_step_within_its_limits(
    desired_kl: float, factor: float, limit: float, small: Callable[..., Config]
) -> None:
    """From 0.001 by 1.5 a step, down to 0.00001 or up to 0.01; also when it goes on from what was stored."""
    config = small("maml_point", outer__desired_kl=desired_kl, outer__target_kl=0.0, outer__num_epochs=1)
    trainer = Trainer(config)
    episodes, rates = experience(trainer, 0), []
    for i in range(15):
        if i == 3:
            stored, outer = trainer.outer.state(), Trainer(config).outer
            outer.assign(trainer.theta)
            outer.load(stored)
            trainer.outer = outer
        rates.append(trainer.outer.step(episodes)["outer_lr"])
        assert trainer.outer.optimizer.param_groups[0]["lr"] == rates[-1]  # type: ignore[attr-defined]
    bound = max if factor < 1 else min
    assert rates == pytest.approx([bound(1e-3 * factor**i, limit) for i in range(15)], rel=1e-5)
    assert rates[-1] == pytest.approx(limit, rel=1e-6)


def test_the_rate_stays_where_the_kl_is_about_the_desired_one(small: Callable[..., Config]) -> None:
    """Twice as much is still well, and half; more or less is not."""
    free = Trainer(small("maml_point", outer__target_kl=0.0))
    episodes = experience(free, 0)
    free.outer.step(episodes)
    kl = evaluated(free, free.theta, episodes)[1]
    for share, factor in ((0.45, 1 / 1.5), (0.55, 1.0), (1.9, 1.0), (2.1, 1.5)):
        trainer = Trainer(small("maml_point", outer__target_kl=0.0, outer__desired_kl=kl * share))
        metrics = trainer.outer.step(episodes)
        assert metrics["epochs"] == 5
        assert metrics["kl"] == pytest.approx(kl, rel=1e-4)
        assert trainer.outer.state()["factor"].item() == pytest.approx(factor)


class Slope(Learner[torch.Tensor]):
    """A loss whose gradient is one everywhere."""

    def loss(self, theta: Params, episode: SupervisedTask) -> torch.Tensor:
        return theta["w"]


def test_the_rate_falls_in_a_line_and_by_halves() -> None:
    """0.8 (1, 3/4, 2/4, 1/4, 0, 0) with a half after every two steps, also when it goes on from what was stored."""
    theta, task = {"w": torch.zeros(())}, SupervisedTask((), Examples(torch.zeros(1), torch.zeros(1)))
    moved = []
    outer = Gradient(Slope(), theta, outer_lr=0.8, optimizer="sgd", lr_halve_every=2, lr_anneal_over=4)
    for i in range(6):
        if i == 3:
            stored = outer.state()
            outer = Gradient(Slope(), outer.theta, outer_lr=0.8, optimizer="sgd", lr_halve_every=2, lr_anneal_over=4)
            outer.load(stored)
        before = float(outer.theta["w"])
        outer.step(task)
        moved.append(before - float(outer.theta["w"]))
    assert moved == pytest.approx([0.8, 0.6, 0.2, 0.1, 0.0, 0.0])


def test_gradient_clipping_changes_the_step(small: Callable[..., Config]) -> None:
    """With sgd the change of theta is the learning rate times the clipped gradient."""
    sgd = {"kind": "gradient", "optimizer": "sgd", "outer_lr": 1.0}
    norms = []
    for bound in (0.0, 1e-3):
        trainer = Trainer(small("reptile_cheetah_direction", outer=sgd | {"max_grad_norm": bound}))
        start = trainer.state.theta
        metrics = trainer.outer.step(experience(trainer, 0))
        change = torch.cat([(trainer.theta[k] - v).flatten() for k, v in start.items()]).norm().item()
        norms.append((change, metrics["grad_norm"]))
    assert norms[0][0] == pytest.approx(norms[0][1], rel=1e-3)
    assert norms[1][0] == pytest.approx(1e-3, rel=1e-2)


def test_reptile_moves_to_the_mean_adapted_weights(small: Callable[..., Config]) -> None:
    """sgd of rate 1 on 1/2 |theta - phi|^2 lands on the mean of phi over tasks."""
    sgd = {"kind": "gradient", "optimizer": "sgd", "outer_lr": 1.0}
    trainer = Trainer(small("reptile_cheetah_direction", outer=sgd))
    episodes, theta = experience(trainer, 0), trainer.state.theta

    def adapted(both: Episode) -> Params:
        phi = trainer.learner.adapt(theta, theta, both.support[0])
        return trainer.learner.adapt(theta, phi, both.query)

    phi = torch.func.vmap(adapted)(episodes)
    trainer.outer.step(episodes)
    moved = trainer.theta
    assert all(torch.allclose(moved[k], phi[k].mean(0), atol=1e-5) for k in theta)


def test_chunks_of_tasks_give_the_same_step() -> None:
    """Seven tasks in chunks of three, the last of one, against all at once."""
    learner = Supervised(MAML(RegressionMLP(std=0.3), mse, mse, inner_lr=0.05), way=1)
    theta = learner.init(torch.Generator().manual_seed(0))
    family = Sinusoid()
    support, query = family.examples(family.sample(7, "train", torch.Generator().manual_seed(1)))
    data = SupervisedTask((support,), query)
    outers = [Gradient(learner, theta, outer_lr=0.1, optimizer="sgd", chunk=chunk) for chunk in (0, 3)]
    one, several = (outer.step(data) for outer in outers)
    whole, parts = (outer.theta for outer in outers)
    assert one["loss"] == pytest.approx(several["loss"], rel=1e-5)
    for k in theta:
        torch.testing.assert_close(whole[k], parts[k], rtol=1e-4, atol=1e-5)
        assert not torch.equal(whole[k], theta[k])


def test_theta_has_one_owner_and_one_part_moves_nothing_that_is_not_finite() -> None:
    """The same memory from step to step; a gradient of NaN leaves theta, moments and the count of steps alone."""

    class Broken(Slope):
        def loss(self, theta: Params, episode: SupervisedTask) -> torch.Tensor:
            return theta["w"] * (torch.nan if broken else 1.0)

    broken, task = False, SupervisedTask((), Examples(torch.zeros(1), torch.zeros(1)))
    outer = Gradient(Broken(), {"w": torch.zeros(())}, outer_lr=0.1)
    place = outer.theta["w"].data_ptr()
    assert "skipped" not in outer.step(task)
    before, theta = outer.state(), float(outer.theta["w"])
    broken = True
    assert outer.step(task) == {"skipped": 1.0}
    assert outer.theta["w"].data_ptr() == place
    assert float(outer.theta["w"]) == theta
    assert all(torch.equal(v, before[k]) for k, v in outer.state().items())
