"""PEARL: posterior, divergence and gradients against derivations by hand, and a probe whose task is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from agents.baselines.sac import TARGETS, VALUES, OffPolicyData
from agents.latent.pearl import ENCODER, PEARL, PEARLData, Posterior, product
from agents.learner import NOISE, Params
from agents.nn.perceptrons import MLP
from agents.records import Context

OBS, ACT, Z, TASKS, ROWS, STEPS = 3, 2, 4, 2, 5, 6


def learner_of(**options: object) -> PEARL:
    return PEARL(
        MLP(OBS + Z, 8, 2 * ACT, activation="relu"),
        MLP(OBS + Z + ACT, 8, 1, activation="relu"),
        gamma=0.9,
        tau=0.1,
        target_entropy=-2.0,
        init_alpha=0.5,
        encoder=MLP(OBS + ACT + 1, 8, 2 * Z, activation="relu"),
        **options,  # type: ignore[arg-type]  # of several types
    )


LEARNER = learner_of(kl_coef=0.3)


def given() -> tuple[Params, PEARLData]:
    generator = torch.Generator().manual_seed(0)
    theta = LEARNER.init(generator)
    theta = {k: v + 0.1 * torch.randn(v.shape, generator=generator) for k, v in theta.items()}
    theta = {k: v.requires_grad_(not k.startswith(TARGETS)) for k, v in theta.items()}

    def normal(*tail: int) -> Tensor:
        return torch.randn(TASKS, *tail, generator=generator)

    ended = normal(ROWS) > 0.5
    noise = torch.randn(2, TASKS, ROWS, ACT, generator=generator)
    batch = OffPolicyData(normal(ROWS, OBS), normal(ROWS, ACT).tanh(), normal(ROWS), normal(ROWS, OBS), ended, noise)
    return theta, PEARLData(batch, normal(STEPS, OBS + ACT + 1), normal(Z))


def steps(seed: int, count: int) -> Context:
    generator = torch.Generator().manual_seed(seed)

    def normal(*tail: int) -> Tensor:
        return torch.randn(count, 1, *tail, generator=generator)

    return Context(normal(OBS), normal(ACT), normal(), normal(OBS), torch.ones(count, 1, dtype=torch.bool))


def grads(loss: Tensor, theta: Params, prefix: str | tuple[str, ...]) -> Params:
    own = {k: v for k, v in theta.items() if k.startswith(prefix)}
    return dict(zip(own, torch.autograd.grad(loss, list(own.values()), retain_graph=True), strict=True))


def test_a_product_of_gaussians_adds_precisions_and_weighs_means_by_them() -> None:
    """N(1, 1/2) N(3, 1) is proportional to exp(-(x-1)^2 - (x-3)^2/2) = exp(-3/2 (x - 5/3)^2 + c): N(5/3, 1/3)."""
    found = product(torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [1.0]]))
    torch.testing.assert_close(found.mean, torch.tensor([5 / 3]))
    torch.testing.assert_close(found.variance, torch.tensor([1 / 3]))


def test_the_divergence_is_that_of_torch() -> None:
    mean, variance = torch.tensor([[0.3, -2.0], [0.0, 1.0]]), torch.tensor([[0.5, 2.0], [1.0, 1e-3]])
    torch_own = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(Posterior(mean, variance).divergence(), torch_own)


def test_the_posterior_does_not_depend_on_order_or_rounds_and_leaves_out_what_is_not_alive() -> None:
    theta = {k: v.detach() for k, v in given()[0].items()}
    support = steps(1, 7)
    start = LEARNER.initial_state(theta)
    whole = LEARNER.adapt(theta, start, support)
    turned = LEARNER.adapt(theta, start, Context(*(x.flip(0) for x in support)))
    parts = LEARNER.adapt(theta, start, Context(*(x[:3] for x in support)))
    parts = LEARNER.adapt(theta, parts, Context(*(x[3:] for x in support)))
    ended = torch.cat([support.alive, torch.zeros(4, 1, dtype=torch.bool)])
    longer = Context(*(torch.cat(pair) for pair in zip(support, steps(2, 4), strict=True)))._replace(alive=ended)
    for other in (turned, parts, LEARNER.adapt(theta, start, longer)):
        for found, expected in zip(LEARNER.posterior(other), LEARNER.posterior(whole), strict=True):
            torch.testing.assert_close(found, expected)
    after = Posterior(*(x[-1, 0] for x in LEARNER.posteriors(theta, longer)))  # step by step
    torch.testing.assert_close(after.mean, LEARNER.posterior(whole).mean)
    context = LEARNER.steps(support.x, support.act, support.rew, support.next_x)[:, 0]
    for found, expected in zip(
        product(*LEARNER.factors(theta, context)), LEARNER.posterior(whole), strict=True
    ):  # that of training
        torch.testing.assert_close(found, expected)


def test_before_any_experience_z_is_a_sample_of_the_prior() -> None:
    theta = {k: v.detach() for k, v in given()[0].items()}
    noise, x = torch.randn(Z, generator=torch.Generator().manual_seed(3)), torch.ones(4, OBS)
    phi = LEARNER.initial_state(theta) | {NOISE: noise}
    policy = {k.removeprefix("policy."): v for k, v in theta.items() if k.startswith("policy.")}
    mean, _ = LEARNER.actor(policy, torch.cat([x, noise.expand(4, -1)], -1)).chunk(2, -1)
    torch.testing.assert_close(LEARNER.apply(theta, phi, x).mean, mean)
    known = LEARNER.adapt(theta, phi, steps(1, 30))
    assert bool((LEARNER.posterior(known).variance < 1).all())
    assert not torch.equal(LEARNER.apply(theta, known, x).mean, mean)


def test_the_encoder_learns_from_values_and_prior_alone_and_the_policy_from_a_fixed_z() -> None:
    """Each part written out: 1/2 (Q - y)^2 of both values, alpha log pi - min Q, the divergence."""
    theta, data = given()
    batch, total = data.transitions, LEARNER.loss(theta, data)
    posterior = product(*LEARNER.factors(theta, data.context))
    z = (posterior.mean + posterior.variance.sqrt() * data.noise)[:, None].expand(-1, ROWS, -1)
    x, still = torch.cat([batch.x, z], -1), torch.cat([batch.x, z.detach()], -1)
    target = LEARNER.target(theta, batch._replace(next_x=torch.cat([batch.next_x, z.detach()], -1)))
    of_values = sum((0.5 * (q - target).square().mean() for q in LEARNER.values(theta, x, batch.act)), torch.zeros(()))
    act, logp = LEARNER._sampled(theta, still, batch.noise[0])
    of_policy = (theta["log_alpha"].detach().exp() * logp - torch.minimum(*LEARNER.values(theta, still, act))).mean()
    expected = {
        ENCODER: of_values + 0.3 * posterior.divergence().mean(),
        "policy.": of_policy,
        VALUES: of_values,
        "log_alpha": -(theta["log_alpha"] * (logp.detach() - 2.0)).mean(),
    }
    for prefix, loss in expected.items():
        found = grads(total, theta, prefix)
        for k, grad in grads(loss, theta, prefix).items():
            torch.testing.assert_close(found[k], grad, msg=k)
    torch.testing.assert_close(grads(total, theta, "log_alpha")["log_alpha"], -(logp.detach().mean() - 2.0).reshape(1))


def test_the_loss_of_several_tasks_is_the_mean_of_each() -> None:
    theta, data = given()
    batch = data.transitions
    each = []
    for i in range(TASKS):
        own = OffPolicyData(*(t[i] for t in batch[:-1]), batch.noise[:, i])
        each.append(LEARNER.loss(theta, PEARLData(own, data.context[i], data.noise[i])))
    torch.testing.assert_close(LEARNER.loss(theta, data), torch.stack(each).mean())


def test_slow_copies_follow_the_values_and_leave_the_encoder_alone() -> None:
    theta = {k: v.detach() for k, v in given()[0].items()}
    after = LEARNER.after_step(theta)
    assert {k.removeprefix(TARGETS) for k in after} == {k for k in theta if k.startswith(VALUES)}
    for k, v in after.items():
        torch.testing.assert_close(v, 0.9 * theta[k] + 0.1 * theta[k.removeprefix(TARGETS)])


def test_the_next_state_is_context_where_that_is_asked_for() -> None:
    support = steps(1, 7)
    assert LEARNER.steps(*support[:4]).shape[-1] == OBS + ACT + 1
    assert torch.equal(learner_of(next_state=True).steps(*support[:4])[..., -OBS:], support.next_x)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_learner_of_two_arms_pulls_the_one_that_its_context_shows(seed: int) -> None:
    """Reward is the action in one task and its opposite in the other, so that the best actions are 1 and -1."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    learner = PEARL(
        MLP(1 + Z, 32, 2, activation="relu"),
        MLP(2 + Z, 32, 1, activation="relu"),
        encoder=MLP(3, 32, 2 * Z, activation="relu"),
        init_alpha=0.1,
        kl_coef=0.01,
    )
    theta = {k: v.requires_grad_(not k.startswith(TARGETS)) for k, v in learner.init(generator).items()}
    adam = torch.optim.Adam([v for v in theta.values() if v.requires_grad], 3e-3)
    sign = torch.tensor([1.0, -1.0])[:, None]

    def experience(count: int) -> tuple[Tensor, Tensor, Tensor]:
        act = 2 * torch.rand(2, count, 1, generator=generator) - 1
        return torch.ones(2, count, 1), act, sign * act[..., 0]

    for _ in range(400):
        x, act, rew = experience(32)
        noise = torch.randn(2, 2, 32, 1, generator=generator)
        batch = OffPolicyData(x, act, rew, x, torch.ones(2, 32, dtype=torch.bool), noise)
        seen, pulled, paid = experience(8)
        context = learner.steps(seen, pulled, paid, seen)
        loss = learner.loss(theta, PEARLData(batch, context, torch.randn(2, Z, generator=generator)))
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        adam.step()
        with torch.no_grad():
            for k, v in learner.after_step({k: v.detach() for k, v in theta.items()}).items():
                theta[k].copy_(v)
    frozen = {k: v.detach() for k, v in theta.items()}
    x, act, rew = experience(8)
    pulls = []
    for i in range(2):
        support = Context(*(t[i, :, None] for t in (x, act, rew, x)), torch.ones(8, 1, dtype=torch.bool))
        phi = learner.adapt(frozen, learner.initial_state(frozen), support)
        phi |= {NOISE: torch.randn(Z, generator=generator)}
        pulls.append(float(learner.apply(frozen, phi, torch.ones(1, 1)).mean.tanh()))
    assert pulls[0] > 0.5
    assert pulls[1] < -0.5
