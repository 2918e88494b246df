"""Policies that learn within their memory: acting and learning see the same, and only a memory solves the probes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agents.advantages import trial_advantages
from agents.learner import Episode, Params, Transitions
from agents.memory import GRU, LRUA, LSTM, NTM, RL2, SNAIL, Core, Transformer
from agents.memory.rl2 import select_alive
from agents.nn.cores import run
from agents.nn.critic import Critic
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.nn.statistics import MAX_COUNT, normalize_input
from agents.objectives import clipped_policy_gradient

OBS, ACT, DESCRIPTOR = 2, 1, 2
SEEN = OBS + ACT + 2
CORES: dict[str, Core] = {
    "gru": GRU(SEEN, 5),
    "lstm": LSTM(SEEN, 5),
    "mann": LRUA(SEEN, 5, 6, 3, 2, strength=True),
    "ntm": NTM(SEEN, 5, 6, 3),
    "snail": SNAIL(SEEN, 3, 4, 2, 4),
    "transformer": Transformer(SEEN, 8, 2, 2, 4),
}


def rl2(core: Core) -> RL2:
    known = core.dim + SEEN
    critic = Critic(MLP(known + DESCRIPTOR, 8, 1), observes_task=True)
    return RL2(core, SEEN, GaussianMLP(known, ACT, (8,)), critic, clipped_policy_gradient(0.2))


def start(learner: RL2) -> tuple[Params, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    return learner.init(generator), generator


def data_of(x: Tensor, alive: Tensor, generator: torch.Generator) -> Transitions:
    def normal(*tail: int) -> Tensor:
        return torch.randn(*alive.shape, *tail, generator=generator)

    act, logp, ret = normal(ACT), normal(), 5 + 3 * normal()
    return Transitions(x, act, logp, normal(ACT), normal(ACT), normal(), alive, ret, normal(DESCRIPTOR))


@pytest.mark.parametrize("name", CORES)
def test_steps_are_the_sequence(name: str) -> None:
    learner = rl2(CORES[name])
    theta, generator = start(learner)
    x = torch.randn(6, 3, SEEN, generator=generator)
    data = data_of(x, torch.ones(6, 3, dtype=torch.bool), generator)
    out, value = learner.forward_sequence(theta, learner.initial_state(theta), x, data.descriptor)
    phi = learner.initial_state(theta)
    for t in range(6):
        phi, one = learner.step(theta, phi, x[t])
        torch.testing.assert_close(one.mean, out.mean[t])
    torch.testing.assert_close(learner.value(theta, x, data.descriptor), value)
    for k, v in learner.adapt(theta, learner.initial_state(theta), data).items():
        torch.testing.assert_close(v, phi[k])


def test_steps_that_were_not_taken_leave_no_trace() -> None:
    learner = rl2(CORES["mann"])
    theta, generator = start(learner)
    x = torch.randn(4, 2, SEEN, generator=generator)
    alive = torch.tensor([[1, 1], [1, 1], [0, 1], [0, 1]], dtype=torch.bool)
    phi = learner.adapt(theta, learner.initial_state(theta), data_of(x, alive, generator))
    short = data_of(x[:2, :1], alive[:2, :1], generator)
    for k, v in learner.adapt(theta, learner.initial_state(theta), short).items():
        torch.testing.assert_close(phi[k][:1], v)


def test_kept_chooses_by_trial() -> None:
    new, old = {"a": torch.ones(2, 3, 4)}, {"a": torch.zeros(4)}
    out = select_alive(new, old, torch.tensor([[True, False, True], [False, False, True]]))["a"]
    assert out[..., 0].tolist() == [[1, 0, 1], [0, 0, 1]]


def test_what_isnormalize_input_is_that_of_all_data_so_far() -> None:
    learner = rl2(CORES["gru"])
    theta, generator = start(learner)
    alive = torch.rand(7, 4, generator=generator) < 0.7
    parts = [data_of(3 + 2 * torch.randn(7, 4, SEEN, generator=generator), alive, generator) for _ in range(3)]
    for part in parts:
        theta = learner.update_input_stats(theta, part)
    seen = torch.cat([p.x[p.alive] for p in parts])
    torch.testing.assert_close(theta["seen.mean"], seen.mean(0))
    torch.testing.assert_close(theta["seen.var"], seen.var(0, correction=0))
    assert theta["seen.count"].item() == len(seen)
    full = theta | {"seen.count": torch.tensor([MAX_COUNT])}
    assert learner.update_input_stats(full, parts[0])["seen.count"].item() == MAX_COUNT


def test_what_never_varies_is_left_as_it_is() -> None:
    """Three batches of an input that is always 2: its variance is 0, and a 5 is seen 3 from what is usual."""
    learner = rl2(CORES["gru"])
    theta, generator = start(learner)
    alive = torch.ones(4, 3, dtype=torch.bool)
    for _ in range(3):
        x = torch.randn(4, 3, SEEN, generator=generator)
        x[..., 0] = 2.0
        theta = learner.update_input_stats(theta, data_of(x, alive, generator))
    assert theta["seen.var"][0].item() == pytest.approx(0.0, abs=1e-12)
    seen = normalize_input(theta, torch.full((SEEN,), 5.0))
    assert seen[0].item() == pytest.approx(3.0)


def test_value_says_the_same_when_its_scale_moves() -> None:
    """PopArt (van Hasselt et al. 2016, proposition 1)."""
    learner = rl2(CORES["gru"])
    theta, generator = start(learner)
    x = torch.randn(5, 3, SEEN, generator=generator)
    data = data_of(x, torch.ones(5, 3, dtype=torch.bool), generator)
    before = learner.value(theta, x, data.descriptor)
    moved = learner.update_return_stats(theta, data)
    after = learner.value(moved, x, data.descriptor)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert moved["ret.mean"].item() != 0


def test_statistics_are_not_learned() -> None:
    learner = rl2(CORES["gru"])
    theta, generator = start(learner)
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    data = data_of(torch.randn(4, 3, SEEN, generator=generator), torch.ones(4, 3, dtype=torch.bool), generator)
    learner.loss(leaves, Episode((), data)).backward()  # type: ignore[no-untyped-call]
    without = {k for k, v in leaves.items() if v.grad is None}
    assert without == {f"{a}.{b}" for a in ("seen", "ret") for b in ("mean", "var", "count")}


def test_value_error_is_in_deviations_of_the_return() -> None:
    learner = replace(rl2(CORES["gru"]), outer=lambda out, data: torch.zeros(()), value_coef=1.0)
    theta, generator = start(learner)
    theta = theta | {"ret.mean": torch.tensor([2.0]), "ret.var": torch.tensor([9.0])}
    x = torch.randn(4, 3, SEEN, generator=generator)
    alive = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]], dtype=torch.bool)
    data = data_of(x, alive, generator)
    value = learner.value(theta, x, data.descriptor)
    by_hand = sum(((value - data.ret)[i, j] / 3) ** 2 / 2 for i, j in alive.nonzero()) / 7
    torch.testing.assert_close(learner.loss(theta, Episode((), data)), by_hand)


def test_credit_flows_across_episodes_by_hand() -> None:
    """Two trials; the second took two steps alone. gamma 0.5, lambda 0.5; raw deltas worked out on paper."""
    rew = torch.tensor([[1.0, 2.0], [0.0, 4.0], [8.0, 0.0]])
    value = torch.tensor([[2.0, 1.0], [4.0, 2.0], [6.0, 99.0]])
    taken = torch.tensor([[1, 1], [1, 1], [1, 0]], dtype=torch.bool)
    # deltas: 1 + 2 - 2 = 1, 0 + 3 - 4 = -1, 8 - 6 = 2; and 2 + 1 - 1 = 2, 4 + 0 - 2 = 2
    raw = torch.tensor([[1 + 0.25 * (-1 + 0.25 * 2), 2 + 0.25 * 2], [-1 + 0.25 * 2, 2.0], [2.0, 0.0]])
    adv, ret = trial_advantages(rew, value, taken, *torch.zeros_like(taken).expand(2, *taken.shape), 0.5, 0.5)
    torch.testing.assert_close(ret[taken], (raw + value)[taken])
    chosen = raw[taken]
    torch.testing.assert_close(adv[taken], (chosen - chosen.mean()) / chosen.std(correction=0))
    assert adv[~taken].tolist() == [0.0]


@pytest.mark.parametrize("core", [GRU(5, 4), LSTM(5, 4)], ids=["gru", "lstm"])
def test_the_fused_kernel_is_the_loop_with_its_gradients(core: GRU | LSTM) -> None:
    generator = torch.Generator().manual_seed(0)
    theta = {k: v.double().requires_grad_() for k, v in core.init(generator).items()}
    x = torch.randn(7, 3, 5, generator=generator, dtype=torch.float64)
    start = {k: torch.randn(3, 4, generator=generator, dtype=torch.float64) for k in core.initial_state(theta)}
    results = []
    for fused in (False, True):
        memory, features = run(core, theta, start, x, fused)
        loss = features.square().sum() + sum(v.sin().sum() for v in memory.values())
        results.append([features, *memory.values(), *torch.autograd.grad(loss, list(theta.values()))])
    for loop, kernel in zip(*results, strict=True):
        torch.testing.assert_close(loop, kernel)
