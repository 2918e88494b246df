"""Recurrent SAC: sequences step by step, targets and gradients by hand, and a probe that needs the memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.baselines.sac import TARGETS
from agents.distributions import log_prob_before_tanh
from agents.learner import Params
from agents.memory.recurrent_sac import CRITIC, VALUES, RecurrentSAC, Sequences
from agents.nn.cores import GRU
from agents.nn.perceptrons import MLP
from agents.records import select_prefix

OBS, ACT, HIDDEN, LENGTH, PARTS = 3, 2, 5, 6, 4
INPUTS = OBS + ACT + 2


def learner_of(inputs: int, act: int, hidden: int, width: int, **options: float) -> RecurrentSAC:
    state = hidden + inputs
    return RecurrentSAC(
        GRU(inputs, hidden),
        MLP(state, width, 2 * act, activation="relu"),
        MLP(state + act, width, 1, activation="relu"),
        **options,  # type: ignore[arg-type]  # numbers
    )


LEARNER = learner_of(INPUTS, ACT, HIDDEN, 8, gamma=0.9, tau=0.1, target_entropy=-2.0, init_alpha=0.5)


def given() -> tuple[Params, Sequences]:
    generator = torch.Generator().manual_seed(0)
    theta = LEARNER.init(generator)
    theta = {k: v + 0.1 * torch.randn(v.shape, generator=generator) for k, v in theta.items()}
    theta = {k: v.requires_grad_(not k.startswith(TARGETS)) for k, v in theta.items()}

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    x, act, rew = normal(LENGTH + 1, PARTS, INPUTS), normal(LENGTH, PARTS, ACT).tanh(), normal(LENGTH, PARTS)
    counted = normal(LENGTH, PARTS) > -0.5
    return theta, Sequences(x, act, rew, normal(LENGTH, PARTS) > 1, counted, normal(LENGTH + 1, PARTS, ACT))


def stepped(theta: Params, prefix: str, x: Tensor) -> Tensor:
    """Features and inputs of one sequence [L, I], a step at a time."""
    weights = select_prefix(prefix, theta)
    memory, rows = LEARNER.core.initial_state(weights), []
    for now in x:
        memory, features = LEARNER.core.step(weights, memory, LEARNER.core.project_input(weights, now))
        rows.append(torch.cat([features, now]))
    return torch.stack(rows)


def test_a_sequence_is_what_its_steps_are() -> None:
    theta, data = given()
    act, logp = LEARNER._sampled(theta, data)
    for i in range(PARTS):
        phi = LEARNER.initial_state(theta)
        for t in range(LENGTH + 1):
            phi, out = LEARNER.step(theta, phi, data.x[t, i])
            u = out.mean + out.log_std.exp() * data.noise[t, i]
            torch.testing.assert_close(act[t, i], u.tanh())
            torch.testing.assert_close(logp[t, i], log_prob_before_tanh(out, u))


def test_the_target_is_of_slow_encoder_and_slow_values_at_the_next_step() -> None:
    theta, data = given()
    theta = {k: v.detach() for k, v in theta.items()}
    act, logp = LEARNER._sampled(theta, data)
    found = LEARNER.target(theta, data, act, logp)
    for i in range(PARTS):
        states = stepped(theta, f"{TARGETS}{CRITIC}core.", data.x[:, i])
        for t in range(LENGTH):
            joined = torch.cat([states[t + 1], act[t + 1, i]])
            values = [LEARNER.critic(select_prefix(f"{TARGETS}{CRITIC}{q}", theta), joined) for q in VALUES]
            soft = min(float(v) for v in values) - 0.0
            soft -= float(theta["log_alpha"].exp() * logp[t + 1, i])
            expected = float(data.rew[t, i]) + (0.0 if data.terminated[t, i] else 0.9 * soft)
            assert float(found[t, i]) == pytest.approx(expected, abs=1e-5)


def test_every_part_of_the_loss_moves_its_own_part_of_theta() -> None:
    """Means over counted steps: 1/2 (Q - y)^2 of both values; alpha log pi - min Q; -(log pi + target) in log alpha."""
    theta, data = given()
    learned = {k: v for k, v in theta.items() if v.requires_grad}
    total = dict(zip(learned, torch.autograd.grad(LEARNER.loss(theta, data), list(learned.values())), strict=True))
    act, logp = LEARNER._sampled(theta, data)
    states = torch.stack([stepped(theta, f"{CRITIC}core.", data.x[:-1, i]) for i in range(PARTS)], 1)

    def values(state: Tensor, act: Tensor) -> list[Tensor]:
        joined = torch.cat([state, act], -1)
        return [LEARNER.critic(select_prefix(CRITIC + q, theta), joined)[..., 0] for q in VALUES]

    target, mask = LEARNER.target(theta, data, act.detach(), logp.detach()), data.counted
    of_values = sum((0.5 * (q - target).square()[mask].mean() for q in values(states, data.act)), torch.zeros(()))
    of_policy = (theta["log_alpha"].detach().exp() * logp[:-1] - torch.minimum(*values(states, act[:-1])))[mask].mean()
    for loss, prefix in ((of_values, CRITIC), (of_policy, "actor.")):
        own = {k: v for k, v in learned.items() if k.startswith(prefix)}
        for k, expected in zip(own, torch.autograd.grad(loss, list(own.values()), retain_graph=True), strict=True):
            torch.testing.assert_close(total[k], expected, msg=k)
    torch.testing.assert_close(total["log_alpha"], -(logp[:-1][mask].detach().mean() - 2.0).reshape(1))


def test_steps_that_are_not_counted_form_the_memory_alone() -> None:
    theta, data = given()
    other = data._replace(rew=torch.where(data.counted, data.rew, 99.0))
    assert torch.equal(LEARNER.loss(theta, data), LEARNER.loss(theta, other))
    seen = data._replace(x=torch.cat([data.x[:1] + 1, data.x[1:]]))
    assert not torch.equal(LEARNER.loss(theta, data), LEARNER.loss(theta, seen))


def test_slow_copies_are_of_the_critic_with_its_encoder() -> None:
    fresh = LEARNER.init(torch.Generator().manual_seed(0))
    copies = {k: v for k, v in fresh.items() if k.startswith(TARGETS)}
    assert {k.removeprefix(TARGETS) for k in copies} == {k for k in fresh if k.startswith(CRITIC)}
    assert all(torch.equal(v, fresh[k.removeprefix(TARGETS)]) for k, v in copies.items())
    theta = {k: v.detach() for k, v in given()[0].items()}
    for k, v in LEARNER.after_step(theta).items():
        torch.testing.assert_close(v, 0.9 * theta[k] + 0.1 * theta[k.removeprefix(TARGETS)])


def test_it_learns_to_repeat_what_was_paid() -> None:
    """Three steps; the reward is the action times a sign that the first reward tells: the memory knows it after one."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    learner = learner_of(4, 1, 16, 32, init_alpha=0.05, gamma=0.5, tau=0.05)
    theta = {k: v.requires_grad_(not k.startswith(TARGETS)) for k, v in learner.init(generator).items()}
    adam = torch.optim.Adam([v for v in theta.values() if v.requires_grad], 3e-3)
    parts = 64

    def trials() -> tuple[Tensor, Tensor, Tensor]:
        sign = torch.randint(2, (parts,), generator=generator) * 2.0 - 1
        act = 2 * torch.rand(3, parts, 1, generator=generator) - 1
        rew = sign * act[..., 0]
        last = torch.cat([act, rew[..., None], torch.zeros(3, parts, 1)], -1)
        x = torch.cat([torch.zeros(1, parts, 3), last])
        return torch.cat([torch.ones(4, parts, 1), x], -1), act, rew

    ended = torch.zeros(3, parts, dtype=torch.bool)
    ended[-1] = True
    for _ in range(250):
        x, act, rew = trials()
        noise = torch.randn(4, parts, 1, generator=generator)
        loss = learner.loss(theta, Sequences(x, act, rew, ended, torch.ones_like(ended), noise))
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        adam.step()
        with torch.no_grad():
            for k, v in learner.after_step({k: v.detach() for k, v in theta.items()}).items():
                theta[k].copy_(v)
    x, act, rew = trials()
    with torch.no_grad():
        out = learner._policy(theta, learner._features(theta, "actor.", x))
    clear = act[0, :, 0].abs() > 0.2
    right = (out.mean[1, :, 0].tanh() * (rew[0] / act[0, :, 0]))[clear]
    assert float(right.mean()) > 0.7
