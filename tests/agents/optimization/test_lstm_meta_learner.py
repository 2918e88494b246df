"""The LSTM meta-learner beside gradient descent, numbers by hand, a loop over coordinates, finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.distributions import Gaussian
from agents.learner import Episode, Params, SupervisedTask, Transitions, mean_over_tasks
from agents.nn.perceptrons import GaussianMLP, RegressionMLP
from agents.objectives import clipped_policy_gradient, kl_to_sampling, mse, policy_gradient
from agents.optimization import LstmMetaLearner
from agents.optimization.descent import descend
from agents.optimization.lstm_meta_learner import STATE, preprocess
from agents.records import without_prefix
from envs.core import Examples
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.training.trainer import Trainer
from tests.probes import Point, half_square, random_transitions, transitions

NETWORK = RegressionMLP((2,), std=0.8)  # 7 coordinates
LEARNER = LstmMetaLearner(NETWORK, mse, mse, inner_steps=2, hidden=3)


def sampled(learner: LstmMetaLearner[Tensor] | LstmMetaLearner[Gaussian], seed: int = 0) -> Params:
    """Weights in float64; those of the recurrent layers large enough to be seen."""
    generator = torch.Generator().manual_seed(seed)
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    for k, v in theta.items():
        if k.startswith("meta.") and not k.endswith(("forget.bias", "input.bias")):
            theta[k] = torch.randn(v.shape, generator=generator, dtype=torch.float64)
    return {k: v.requires_grad_() for k, v in theta.items()}


def waves(num: int, seed: int = 1) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    return Examples(*(torch.randn(num, 5, 1, generator=generator, dtype=torch.float64) for _ in range(2)))


def task(rounds: int = 1) -> SupervisedTask:
    data = waves(rounds + 1)
    batches = [Examples(x, y) for x, y in zip(data.x, data.y, strict=True)]
    return SupervisedTask(tuple(batches[:-1]), batches[-1])


def test_gates_held_at_one_and_alpha_are_gradient_descent() -> None:
    """sigmoid(40) is 1 to the last bit, and sigmoid(log(a / (1 - a))) is a = 0.3."""
    theta = {k: v.detach() for k, v in sampled(LEARNER).items()}
    for name, bias in (("forget", 40.0), ("input", math.log(0.3 / 0.7))):
        theta[f"meta.{name}.weight"] = torch.zeros(5, dtype=torch.float64)
        theta[f"meta.{name}.bias"] = torch.tensor([bias], dtype=torch.float64)
    support = task().support[0]
    start = LEARNER.initial_state(theta)
    ours = without_prefix(STATE, LEARNER.adapt(theta, LEARNER.adapt(theta, start, support), support))
    theirs = descend(NETWORK, mse, without_prefix(STATE, start), support, 0.3, steps=4)[0]
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[k], theirs[k], rtol=1e-12, atol=1e-14) for k in ours)


def test_preprocessing_on_both_branches() -> None:
    """p = 10: e^-5 is (-1/2, 1), -1 is (0, -1), e^-10 is (-1, 1); -e^-12 is (-1, -e^-2), and 0 is (-1, 0)."""
    grad = torch.tensor([math.exp(-5), -1.0, 1.0000001 * math.exp(-10), -math.exp(-12), 0.0], dtype=torch.float64)
    loss = torch.tensor(math.exp(2), dtype=torch.float64)
    expected = torch.tensor(
        [[0.2] * 5, [1.0] * 5, [-0.5, 0.0, -1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -math.exp(-2), 0.0]],
        dtype=torch.float64,
    )
    assert torch.allclose(preprocess(loss, grad), expected, atol=1e-6)


def looped(theta: Params, given: SupervisedTask, steps: int) -> tuple[Params, Tensor]:
    """The weights after adaptation, and the loss on the query: one coordinate at a time, through torch.nn.LSTMCell."""
    names = [k for k in theta if not k.startswith("meta.")]
    rows = {"input": "weight_ih", "recurrent": "weight_hh", "bias": "bias_ih"}
    lstm = {torchs: theta[f"meta.lstm.{ours}"] for ours, torchs in rows.items()}
    lstm["bias_hh"] = torch.zeros_like(lstm["bias_ih"])
    cell = torch.nn.LSTMCell(4, 3).double()
    w = [v for k in names for v in theta[k].flatten()]
    zero = torch.zeros((), dtype=torch.float64)
    memory = [(torch.zeros(1, 3, dtype=torch.float64),) * 2 for _ in w]
    before = [(zero, zero) for _ in w]

    def shaped(flat: list[Tensor]) -> Params:
        sizes = [theta[k].numel() for k in names]
        return {k: p.view(theta[k].shape) for k, p in zip(names, torch.stack(flat).split(sizes), strict=True)}

    for support in [s for s in given.support for _ in range(steps)]:
        at = {k: v.detach().requires_grad_() for k, v in shaped(w).items()}
        loss = (NETWORK(at, support.x) - support.y).square().mean()
        grad = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(at.values()))]).tolist()
        for j, g in enumerate(grad):
            seen = torch.tensor([[*pair(loss.item()), *pair(g)]], dtype=torch.float64)
            memory[j] = torch.func.functional_call(cell, lstm, (seen, memory[j]))
            f, i = (
                torch.cat([memory[j][0][0], w[j][None], last[None]]) @ theta[f"meta.{name}.weight"]
                + theta[f"meta.{name}.bias"][0]
                for name, last in zip(("forget", "input"), before[j], strict=True)
            )
            w[j], before[j] = f.sigmoid() * w[j] - i.sigmoid() * g, (f, i)
    phi = shaped(w)
    return phi, F.mse_loss(NETWORK(phi, given.query.x), given.query.y)


def pair(z: float) -> tuple[float, float]:
    return (math.log(abs(z)) / 10, math.copysign(1, z)) if abs(z) >= math.exp(-10) else (-1.0, math.exp(10) * z)


@pytest.mark.parametrize("rounds", [1, 2])
def test_weights_and_outer_gradient_equal_a_plain_loop_over_coordinates(rounds: int) -> None:
    """Two steps a round; what autograd finds through the loop, with gradients and losses as constants."""
    theta, given = sampled(LEARNER), task(rounds)
    phi = LEARNER.initial_state(theta)
    for support in given.support:
        phi = LEARNER.adapt(theta, phi, support)
    expected, loss = looped(theta, given, steps=2)
    assert all(torch.allclose(phi[k], expected[k], rtol=1e-10) for k in expected)
    ours = torch.autograd.grad(LEARNER.loss(theta, given), list(theta.values()))
    theirs = torch.autograd.grad(loss, list(theta.values()))
    assert all(g.any() for g in ours)
    assert all(torch.allclose(a, b, rtol=1e-8, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


def slope_without_a_loss(out: Gaussian, data: Transitions) -> Tensor:
    """Always 0, with the gradient mean(act): what the meta-learner reads does not depend on the weights."""
    return (data.act * (out.mean - out.mean.detach())).mean()


def test_outer_gradient_equals_finite_differences() -> None:
    """Where the gradients it reads are constants in truth, no more is lost: every number of theta, by 1e-6 each way."""
    learner = LstmMetaLearner(Point(), slope_without_a_loss, half_square, inner_steps=3, hidden=2)
    theta = sampled(learner)
    theta["w"] = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    data = transitions(torch.tensor([0.5, 0.8], dtype=torch.float64))
    episode = Episode((data, data._replace(act=-2 * data.act)), data)
    grads = torch.autograd.grad(learner.loss(theta, episode), list(theta.values()))
    for (k, v), grad in zip(theta.items(), grads, strict=True):
        for j in range(v.numel()):
            push = torch.zeros(v.numel(), dtype=torch.float64)
            push[j] = 1e-6
            ends = [learner.loss(theta | {k: v + s * push.view(v.shape)}, episode).item() for s in (1, -1)]
            assert grad.flatten()[j].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_a_batch_of_tasks_is_a_loop_over_tasks() -> None:
    theta, data = sampled(LEARNER), waves(6)
    support, query = Examples(data.x[:3], data.y[:3]), Examples(data.x[3:], data.y[3:])
    alone = [
        LEARNER.loss(theta, SupervisedTask((Examples(support.x[i], support.y[i]),), Examples(query.x[i], query.y[i])))
        for i in range(3)
    ]
    assert mean_over_tasks(LEARNER.loss, theta, SupervisedTask((support,), query)).item() == pytest.approx(
        sum(alone).item() / 3
    )


def test_what_is_remembered_goes_on_from_round_to_round() -> None:
    theta, support = sampled(LEARNER), task().support[0]
    one_step = replace(LEARNER, inner_steps=1)
    ours = LEARNER.adapt(theta, LEARNER.initial_state(theta), support)
    twice = one_step.adapt(theta, one_step.adapt(theta, one_step.initial_state(theta), support), support)
    assert all(torch.equal(ours[k], twice[k]) for k in ours)
    forgotten = one_step.initial_state(
        theta | without_prefix(STATE, one_step.adapt(theta, one_step.initial_state(theta), support))
    )
    again = one_step.adapt(theta, forgotten, support)
    assert any(not torch.allclose(again[k], ours[k]) for k in without_prefix(STATE, ours))


class Strict(RegressionMLP):
    """Refuses what is not its own."""

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        assert params.keys() == {"layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias"}
        return super().__call__(params, x)


def test_the_network_meets_its_weights_alone() -> None:
    theta = sampled(LEARNER)
    LstmMetaLearner(Strict((2,)), mse, mse, hidden=3).loss(theta, task())


@pytest.mark.parametrize(("given", "low", "high"), [({}, -5, -4), ({"input_bias": 1.0}, 0.5, 1.5)])
def test_it_starts_by_keeping_its_weights(given: dict[str, float], low: float, high: float) -> None:
    theta = LstmMetaLearner(NETWORK, mse, mse, **given).init(torch.Generator().manual_seed(3))  # type: ignore[arg-type]
    assert 4 <= theta.pop("meta.forget.bias").item() <= 5
    assert low <= theta.pop("meta.input.bias").item() <= high
    rest = [v for k, v in theta.items() if k.startswith("meta.")]
    assert [v.numel() for v in rest] == [320, 1600, 80, 22, 22]
    assert all(0 < v.abs().max() <= 0.01 for v in rest)


def test_policies_learn_through_the_same_class() -> None:
    """Two rounds of trajectories with a KL penalty."""
    generator = torch.Generator().manual_seed(4)
    learner = LstmMetaLearner(GaussianMLP(3, 2, (5,)), policy_gradient, clipped_policy_gradient(0.3), 1, 2, hidden=3)
    theta = sampled(learner)
    data = [random_transitions(2, 3, 2, generator) for _ in range(3)]
    episode = Episode((data[0], data[1]), data[2])
    bare = mean_over_tasks(learner.loss, theta, episode)
    assert all(g.isfinite().all() and g.any() for g in torch.autograd.grad(bare, list(theta.values())))
    first = torch.func.vmap(lambda d: kl_to_sampling(learner.apply(theta, learner.initial_state(theta), d.x), d))(
        data[0]
    )

    def second(d0: Transitions, d1: Transitions) -> Tensor:
        return kl_to_sampling(learner.apply(theta, learner.adapt(theta, learner.initial_state(theta), d0), d1.x), d1)

    penalty = (first.mean() + torch.func.vmap(second)(data[0], data[1]).mean()) / 2
    whole = mean_over_tasks(replace(learner, support_penalty=kl_to_sampling, penalty_coef=0.1).loss, theta, episode)
    assert whole.item() == pytest.approx((bare + 0.1 * penalty).item())


def test_stop_and_resume_changes_nothing(small: Callable[..., Config], tmp_path: Path) -> None:
    config = small("lstm_meta_learner_omniglot", learner__embedding={"channels": 4}, learner__inner_steps=2)
    straight, first = Trainer(config), Trainer(config)
    for _ in range(2):
        straight.iterate()
    first.iterate()
    resumed = Trainer(config, checkpoint.load(checkpoint.save(tmp_path, first.state)))
    resumed.iterate()
    theta = straight.state.theta
    assert all(torch.equal(theta[k], resumed.state.theta[k]) for k in theta)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("lstm_meta_learner_sinusoid", "learner__embedding", {"channels": 8}),
        ("lstm_meta_learner_point", "learner__test_steps", 3),
        ("lstm_meta_learner_omniglot", "learner__rounds", 2),
        ("lstm_meta_learner_point", "outer", {"kind": "gradient"}),
    ],
)
def test_settings_that_would_be_ignored_are_refused(
    name: str, key: str, value: object, small: Callable[..., Config]
) -> None:
    with pytest.raises(UserError, match=r"embedding|test_steps|rounds|outer\.kind"):
        small(name, **{key: value})
