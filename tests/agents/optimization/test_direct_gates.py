"""The LSTM meta-learner with the paper's gates: numbers by hand, a loop over coordinates, gradient descent."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agents.learner import SupervisedTask
from agents.nn.perceptrons import RegressionMLP
from agents.objectives import mse
from agents.optimization import DirectGates
from agents.optimization.descent import descend
from agents.optimization.direct_gates import layer_sizes
from agents.optimization.lstm_meta_learner import STATE
from agents.records import Params, without_prefix
from envs.core import Examples


class Two:
    """Two layers of one weight each: a + b x."""

    def init(self, generator: torch.Generator) -> Params:
        return {"a.weight": torch.tensor([1.0]), "b.weight": torch.tensor([3.0])}

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        return params["a.weight"] + params["b.weight"] * x


DATA = Examples(torch.tensor([[2.0]]), torch.tensor([[5.0]]))  # a + 2 b - 5 = 2: loss 4, gradients 4 and 8
LEARNER: DirectGates[Tensor] = DirectGates(Two(), mse, mse, inner_steps=2)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_hand(weight: list[float], bias: float, loss: float, grad: float, w: float, before: float) -> float:
    """sigmoid(W [log|loss|/10, sign, log|grad|/10, sign, w, f] + b)."""
    seen = [math.log(loss) / 10, 1.0, math.log(abs(grad)) / 10, math.copysign(1, grad), w, before]
    return sigmoid(sum(a * x for a, x in zip(weight, seen, strict=True)) + bias)


def test_two_steps_by_hand_each_layer_with_its_own_gates() -> None:
    forget, step = [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [-0.3, 0, 0.2, 0.1, 0, 2.0]], [[0.2] * 6, [0, 0, 0.5, -0.2, 0.1, 1]]
    biases = {"forget": [1.0, 2.0], "input": [-1.0, -3.0]}
    theta = Two().init(torch.Generator()) | {
        "meta.forget.weight": torch.tensor(forget),
        "meta.forget.bias": torch.tensor(biases["forget"]),
        "meta.input.weight": torch.tensor(step),
        "meta.input.bias": torch.tensor(biases["input"]),
    }
    w, f, i = [1.0, 3.0], [1.0, 1.0], [0.0, 0.0]
    for _ in range(2):
        miss = w[0] + 2 * w[1] - 5
        grads = [2 * miss, 4 * miss]
        for k in (0, 1):
            f[k] = by_hand(forget[k], biases["forget"][k], miss**2, grads[k], w[k], f[k])
            i[k] = by_hand(step[k], biases["input"][k], miss**2, grads[k], w[k], i[k])
        w = [f[k] * w[k] - i[k] * grads[k] for k in (0, 1)]
    phi = LEARNER.adapt(theta, LEARNER.initial_state(theta), DATA)
    assert [phi["a.weight"].item(), phi["b.weight"].item()] == pytest.approx(w, rel=1e-5)
    assert phi[STATE + "forget"].tolist() == pytest.approx(f, rel=1e-5)
    assert phi[STATE + "input"].tolist() == pytest.approx(i, rel=1e-5)


def test_gates_held_at_one_and_alpha_are_gradient_descent(generator: torch.Generator) -> None:
    """sigmoid(40) is 1 to the last bit, and sigmoid(log(a / (1 - a))) is a = 0.3."""
    network = RegressionMLP((2,), std=0.8)
    learner = DirectGates(network, mse, mse, inner_steps=3)
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    for name, bias in (("forget", 40.0), ("input", math.log(0.3 / 0.7))):
        theta[f"meta.{name}.weight"] = torch.zeros_like(theta[f"meta.{name}.weight"])
        theta[f"meta.{name}.bias"] = torch.full_like(theta[f"meta.{name}.bias"], bias)
    support = Examples(*(torch.randn(5, 1, generator=generator, dtype=torch.float64) for _ in range(2)))
    start = learner.initial_state(theta)
    ours = without_prefix(STATE, learner.adapt(theta, start, support))
    theirs = descend(network, mse, without_prefix(STATE, start), support, 0.3, steps=3)[0]
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[k], theirs[k], rtol=1e-12, atol=1e-14) for k in ours)


def test_a_layer_is_what_shares_a_name_up_to_the_first_dot() -> None:
    names = {"conv0.weight": 9, "conv0.scale": 2, "conv1.weight": 4, "last.weight": 6, "last.bias": 3, "log_std": 1}
    assert layer_sizes({k: torch.zeros(n) for k, n in names.items()}) == [11, 4, 9, 1]


def test_the_outer_gradient_of_one_step_is_that_of_finite_differences(generator: torch.Generator) -> None:
    learner = replace(LEARNER, inner_steps=1)
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    data = Examples(*(t.double() for t in DATA))
    task = SupervisedTask((data,), Examples(data.x + 1, data.y))
    slopes = torch.func.grad(learner.loss)(theta, task)
    for name in ("forget.weight", "forget.bias", "input.weight", "input.bias"):
        value = theta[f"meta.{name}"]
        step = torch.zeros_like(value)
        step.view(-1)[-1] = 1e-6
        ends = [learner.loss(theta | {f"meta.{name}": value + sign * step}, task).item() for sign in (1, -1)]
        slope = slopes[f"meta.{name}"].flatten()[-1].item()
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-9)
    assert (slopes["meta.input.bias"] != 0).all()
