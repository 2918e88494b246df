"""VariBAD: divergence and bound by hand, what moves what, and a belief that is the exact posterior of a bandit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from agents.latent.varibad import NOISES, Belief, VariBAD, divergence, gather, spread
from agents.learner import Params, Transitions
from agents.nn.cores import GRU
from agents.nn.critic import Critic
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.objectives import clipped_policy_gradient
from agents.records import Episode

OBS, ACT, LATENT = 2, 1, 3
INPUTS = OBS + ACT + 2
LENGTH, TRIALS = 6, 4


def learner(*, states: bool = False, terms: int = 3, decoded: int = 2) -> VariBAD:
    told, answer = (OBS + ACT, 1 + OBS) if states else (2 * OBS + ACT, 1)
    return VariBAD(
        GRU(INPUTS, 6),
        INPUTS,
        GaussianMLP(2 * LATENT + OBS, ACT, (8,)),
        Critic(MLP(2 * LATENT + OBS, 8, 1)),
        clipped_policy_gradient(0.2),
        belief=MLP(6, 2 * LATENT),
        decoder=MLP(LATENT + told, 8, answer),
        obs=OBS,
        terms=terms,
        decoded=decoded,
    )


def experience(own: VariBAD) -> tuple[Params, Transitions]:
    generator = torch.Generator().manual_seed(0)
    theta = own.init(generator)

    def normal(*tail: int) -> Tensor:
        return torch.randn(LENGTH, TRIALS, *tail, generator=generator)

    x = normal(INPUTS)
    x[..., -1] = 0
    x[3, :, -1] = 1  # an episode ends after three steps
    alive = torch.ones(LENGTH, TRIALS, dtype=torch.bool)
    alive[4:, 1] = False
    act, mean = normal(ACT), normal(ACT)
    return theta, Transitions(x, act, normal(), mean, normal(ACT), normal(), alive, normal(), normal(0))


def test_divergence_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (Belief(*torch.randn(2, 5, LATENT, generator=generator)) for _ in range(2))
    expected = kl_divergence(Normal(first.mean, first.log_std.exp()), Normal(second.mean, second.log_std.exp())).sum(-1)
    torch.testing.assert_close(divergence(first, second), expected)


def test_steps_are_spread_over_the_trial_and_differ_between_trials() -> None:
    steps = spread(9, 4, 3, torch.device("cpu"))
    assert steps.tolist() == [[0, 1, 2, 0], [3, 4, 5, 3], [6, 7, 8, 6]]
    assert spread(2, 1, 5, torch.device("cpu")).tolist() == [[0], [1]]
    x = torch.arange(36).view(9, 4)
    assert gather(x, steps).tolist() == [[0, 5, 10, 3], [12, 17, 22, 15], [24, 29, 34, 27]]


@pytest.mark.parametrize("states", [False, True])
def test_the_bound_is_that_of_a_loop_over_beliefs_and_steps(*, states: bool) -> None:
    own = learner(states=states)
    theta, data = experience(own)
    seen, beliefs = own._beliefs(theta, own.initial_state(theta), data.x)
    shift = torch.tensor(NOISES - 5)  # so that the table ends within it
    found = own.negative_bound(theta, seen, beliefs, data.alive, data.x[..., -1] > 0, shift, whole=True)
    errors, moved = [], []
    at, to = (spread(n, TRIALS, k, torch.device("cpu")).tolist() for n, k in ((LENGTH, 3), (LENGTH - 1, 2)))
    decoder = {k.removeprefix("decoder."): v for k, v in theta.items() if k.startswith("decoder.")}
    for b in range(TRIALS):
        for t in range(LENGTH):
            std = beliefs.log_std[t, b].exp()
            prior = Normal(beliefs.mean[t - 1, b], beliefs.log_std[t - 1, b].exp()) if t else Normal(0 * std, 1.0)
            if data.alive[t, b]:
                moved.append(kl_divergence(Normal(beliefs.mean[t, b], std), prior).sum())
        for k in range(3):
            t, noise = at[k][b], theta["noise"][(k * TRIALS + b + NOISES - 5) % NOISES]
            z = beliefs.mean[t, b] + beliefs.log_std[t, b].exp() * noise
            for i in (row[b] for row in to):
                if not (data.alive[t, b] and data.alive[i, b]) or data.x[i + 1, b, -1]:
                    continue
                now, after = seen[i, b], seen[i + 1, b]
                if states:
                    out = own.decoder(decoder, torch.cat([z, now[:OBS], after[OBS:-2]]))
                    errors.append((out[0] - after[-2]).square() + (out[1:] - after[:OBS]).square().mean())
                else:
                    out = own.decoder(decoder, torch.cat([z, now[:OBS], after[OBS:-2], after[:OBS]]))
                    errors.append((out[0] - after[-2]).square())
    expected = torch.stack(errors).mean() + 0.1 / LENGTH * torch.stack(moved).mean()
    torch.testing.assert_close(found, expected)


def test_the_policy_does_not_move_the_encoder_and_the_bound_does_not_move_the_policy() -> None:
    own = learner()
    theta, data = experience(own)
    learned = {k: v.requires_grad_() for k, v in theta.items() if not k.startswith(("seen", "ret", "noise"))}
    seen, beliefs = own._beliefs(theta, own.initial_state(theta), data.x)
    out = own.apply(theta, own.initial_state(theta), data.x)
    policy = torch.autograd.grad(out.mean.sum(), list(learned.values()), allow_unused=True)
    bound = own.negative_bound(theta, seen, beliefs, data.alive, data.x[..., -1] > 0, torch.tensor(0), whole=True)
    bounded = torch.autograd.grad(bound, list(learned.values()), allow_unused=True)
    by_policy, by_bound = (
        {k.split(".")[0] for k, g in zip(learned, gs, strict=True) if g is not None} for gs in (policy, bounded)
    )
    assert by_policy == {"policy"}
    assert by_bound == {"controller", "belief", "decoder"}


def test_steps_are_the_sequence_and_the_loss_is_finite() -> None:
    own = learner()
    theta, data = experience(own)
    phi = own.initial_state(theta)
    whole = own.apply(theta, phi, data.x)
    memory = {k: v.expand(TRIALS, -1) for k, v in phi.items()}
    for t in range(LENGTH):
        memory, out = own.step(theta, memory, data.x[t])
        torch.testing.assert_close(out.mean, whole.mean[t])
    assert own.loss(theta, Episode((), data)).isfinite()


def test_the_belief_becomes_the_posterior_of_a_two_armed_bandit() -> None:
    """Arms pay 1 with a probability uniform in [0, 1]: after n pulls and s ones its mean is (s + 1) / (n + 2), which is
    what the m = 2.5 later pulls pay on average that are decoded beside the n earlier ones.
    """
    pulls, trials = 10, 512
    own = VariBAD(
        GRU(1 + 2 + 2, 32),
        5,
        GaussianMLP(5, 2, (4,)),
        Critic(MLP(5, 4, 1)),
        clipped_policy_gradient(0.2),
        belief=MLP(32, 4),
        decoder=MLP(2 + 1 + 2 + 1, 32, 1),
        obs=1,
        kl_coef=0.01,
        terms=pulls,
        decoded=pulls,
    )
    generator = torch.Generator().manual_seed(0)
    theta = own.init(generator)
    learned = {k: v.requires_grad_() for k, v in theta.items() if k.startswith(("controller", "belief", "decoder"))}
    adam = torch.optim.Adam(learned.values(), 0.005)

    def play() -> tuple[Tensor, Tensor, Tensor]:
        """Inputs [L, B, I] of random pulls, the arms [L - 1, B] and rewards."""
        chances = torch.rand(trials, 2, generator=generator)
        arms = torch.randint(2, (pulls, trials), generator=generator)
        rewards = (torch.rand(pulls, trials, generator=generator) < chances[torch.arange(trials), arms]).float()
        x = torch.zeros(pulls + 1, trials, 5)
        x[1:, :, 1:3] = torch.nn.functional.one_hot(arms, 2).float()
        x[1:, :, 3] = rewards
        return x, arms, rewards

    alive = torch.ones(pulls + 1, trials, dtype=torch.bool)
    for i in range(500):
        x, _, _ = play()
        seen, beliefs = own._beliefs(theta, own.initial_state(theta), x)
        loss = own.negative_bound(theta, seen, beliefs, alive, ~alive, torch.tensor(i * 97), whole=True)
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        x, arms, rewards = play()
        _, beliefs = own._beliefs(theta, own.initial_state(theta), x)
        z = beliefs.mean[5] + beliefs.log_std[5].exp() * torch.randn(100, trials, 2, generator=generator)
        decoder = {k.removeprefix("decoder."): v for k, v in theta.items() if k.startswith("decoder.")}
        for arm in (0, 1):
            pulled = (arms[:5] == arm).float()
            n, ones = pulled.sum(0), (pulled * rewards[:5]).sum(0)
            exact = (ones + 2.5 * (ones + 1) / (n + 2)) / (n + 2.5)
            known = torch.tensor([0.0, 1.0 - arm, arm, 0.0]).expand(100, trials, -1)  # observations and the arm
            predicted = own.decoder(decoder, torch.cat([z, known], -1)).mean(0)[:, 0]
            assert (predicted - exact).abs().mean() < 0.06
            assert (exact.mean() - exact).abs().mean() > 0.15  # of whoever knows nothing
