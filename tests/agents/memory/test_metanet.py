"""Meta networks against plain loops, torch's own modules and numbers derived by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Episode, Params, SupervisedTask, Transitions, mean_over_tasks
from agents.memory import MetaNet, conv_network, dense_network, gaussian_head, identity_head
from agents.memory.metanet import by_item, contrastive, slice_means
from agents.memory.pairs import sample_pairs
from agents.nn.fast_weights import shared
from agents.nn.gradient_readers import log_and_sign, run_d, run_m
from agents.objectives import cross_entropy, kl_to_sampling, mse, score_function
from agents.records import select_prefix
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from tests.probes import random_transitions

WAY, SIZE = 3, 8
IMAGES = conv_network(WAY, channels=2, blocks=2, image=(1, SIZE))
CLASSIFIER: MetaNet[Tensor] = MetaNet(IMAGES, IMAGES, identity_head, cross_entropy, cross_entropy, WAY, hidden=4)
POLICY = dense_network(3, 2, (5, 4))
ACTOR = MetaNet(POLICY, POLICY, gaussian_head, score_function, kl_to_sampling, hidden=4, init_std=0.5)


def double(theta: Params) -> Params:
    """In float64, with biases and slow weights that are nowhere zero."""
    noise = torch.Generator().manual_seed(9)
    return {k: v.double() + 0.1 * torch.randn(v.shape, generator=noise, dtype=torch.float64) for k, v in theta.items()}


def pictures(generator: torch.Generator, per_class: int = 1) -> Examples:
    y = torch.arange(WAY).repeat(per_class)
    return Examples(torch.rand(len(y), 1, SIZE, SIZE, generator=generator, dtype=torch.float64), y)


def task(generator: torch.Generator) -> SupervisedTask:
    return SupervisedTask((pictures(generator),), pictures(generator, 2))


def episodes(generator: torch.Generator) -> Transitions:
    """One task: [T=7, E=3]."""
    return Transitions(*(t[0] for t in random_transitions(1, 3, 2, generator)))


SIAMESE: MetaNet[Tensor] = replace(CLASSIFIER, representation="siamese", slices=4)


def test_a_siamese_representation_reads_the_gradient_of_each_sampled_pair(generator: torch.Generator) -> None:
    """Two ways: all pairs side by side, and a loop over them with one shared copy of the weights."""
    theta, items = double(SIAMESE.init(generator)), pictures(generator, 2)
    pairs = sample_pairs(len(items.x), 4)
    found = SIAMESE._pair_gradients(theta, items)
    weights = select_prefix("embed.", theta)
    for t, (i, j) in enumerate(pairs.tolist()):

        def loss(at: Params, i: int = i, j: int = j) -> Tensor:
            a, b = (IMAGES.key(items.x[k][None], shared(at))[0] for k in (i, j))
            p = ((a - b).abs() @ theta["pair"]).sigmoid()
            return -(p if items.y[i] == items.y[j] else 1 - p).log()

        expected = torch.func.grad(loss)(weights)
        assert all(torch.allclose(found[k][t], expected[k], atol=1e-12) for k in expected if k != IMAGES.last)
    slices = {k: v for k, v in found.items() if k.startswith("conv")}
    flat = log_and_sign(torch.cat([v.flatten(1) for v in slices.values()], 1), SIAMESE.log_range)
    fast = SIAMESE.task_level(theta, items)
    assert torch.allclose(torch.cat([fast[k].flatten() for k in slices]), run_d(theta, "d.conv", flat))


def test_the_weight_of_a_siamese_representation_is_learned(generator: torch.Generator) -> None:
    """Its derivative through the gradients, beside a finite difference."""
    theta, given = double(SIAMESE.init(generator)), task(generator)
    slope = torch.func.grad(SIAMESE.loss)(theta, given)["pair"]
    step = torch.zeros_like(theta["pair"])
    step[0] = 1e-6
    ends = [SIAMESE.loss(theta | {"pair": theta["pair"] + sign * step}, given).item() for sign in (1, -1)]
    assert slope[0].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3, abs=1e-9)
    assert slope.abs().max() > 0


def plain_network(weights: Params, x: Tensor) -> Tensor:
    """The slow network with nothing but torch's functions, one picture [1, 8, 8]."""
    for i in range(2):
        x = F.max_pool2d(F.conv2d(x[None], weights[f"conv{i}"], padding=1).relu(), 2, ceil_mode=True)[0]
    return weights["dense1"] @ (weights["dense0"] @ x.flatten()).relu()


def by_hand_m(theta: Params, kind: str, gradient: float) -> float:
    """log and sign, then 2-H-H-1, for one coordinate."""
    size = abs(gradient)
    h = [math.log(size) / 7, math.copysign(1, gradient)] if size >= math.exp(-7) else [-1, math.exp(7) * gradient]
    for i in range(3):
        h = h if i == 0 else [max(v, 0.0) for v in h]
        rows, biases = theta[f"m.{kind}.weight{i}"].tolist(), theta[f"m.{kind}.bias{i}"].tolist()
        h = [sum(w * v for w, v in zip(row, h, strict=True)) + b for row, b in zip(rows, biases, strict=True)]
    return h[0]


def test_fast_weights_of_an_example_are_m_of_its_own_gradient(generator: torch.Generator) -> None:
    """One example at a time by autograd, one coordinate at a time through the perceptron."""
    theta, support = double(CLASSIFIER.init(generator)), pictures(generator)
    phi = CLASSIFIER.adapt(theta, {}, support)
    for n in range(WAY):
        weights = {k: v.clone().requires_grad_() for k, v in select_prefix("base.", theta).items()}
        loss = F.cross_entropy(plain_network(weights, support.x[n])[None], support.y[n : n + 1])
        gradients = dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))
        for name, g in gradients.items():
            for place in (0, g.numel() // 2, g.numel() - 1):
                expected = by_hand_m(theta, name[:-1], g.flatten()[place].item())
                assert phi[f"base.{name}"][n].flatten()[place].item() == pytest.approx(expected, abs=1e-9)


def test_fast_weights_of_the_representation_are_d_of_slices_in_their_order(generator: torch.Generator) -> None:
    """Six examples in two slices: the gradient of the mean loss of each, by autograd."""
    learner = replace(CLASSIFIER, slices=2)
    theta, support = double(learner.init(generator)), pictures(generator, 2)
    fast = learner.task_level(theta, support)
    assert set(fast) == {"conv0", "conv1", "dense0"}  # no key needs the last layer
    slices = []
    for some in (slice(0, 3), slice(3, 6)):
        weights = {k: v.clone().requires_grad_() for k, v in select_prefix("embed.", theta).items()}
        logits = torch.stack([plain_network(weights, x) for x in support.x[some]])
        slices.append(torch.autograd.grad(F.cross_entropy(logits, support.y[some]), weights["conv1"])[0].flatten())
    expected = run_d(theta, "d.conv", log_and_sign(torch.stack(slices), 7.0))
    assert torch.allclose(fast["conv1"].flatten(), expected, atol=1e-9)


def test_slices_are_as_equal_as_can_be() -> None:
    """0 1 2 3 4 in two: 0 1 2 and 3 4. Never more slices than items."""
    assert slice_means(torch.arange(5.0), 2).tolist() == [1.0, 3.5]
    assert slice_means(torch.arange(2.0), 5).tolist() == [0.0, 1.0]


def test_with_zero_fast_weights_the_network_is_the_slow_one(generator: torch.Generator) -> None:
    theta, support = double(CLASSIFIER.init(generator)), pictures(generator)
    phi = CLASSIFIER.adapt(theta, {}, support)
    silent = {k: torch.zeros_like(v) if k.startswith(("base.", "embed.")) else v for k, v in phi.items()}
    before, after = (CLASSIFIER.apply(theta, p, support.x) for p in ({}, phi))
    assert torch.allclose(CLASSIFIER.apply(theta, silent, support.x), before, atol=1e-12)
    assert torch.allclose(before[0], plain_network(select_prefix("base.", theta), support.x[0]), atol=1e-12)
    assert not torch.allclose(before, after, atol=1e-3)


def test_attention_is_the_softmax_of_the_scaled_cosine() -> None:
    """Key (3, 4): cosine 0.6 with (5, 0), -0.8 with (0, -2)."""
    learner = replace(CLASSIFIER, attention_scale=2.0)
    got = learner.attention(torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0, 0.0], [0.0, -2.0]]))
    assert got[0, 0].item() == pytest.approx(1 / (1 + math.exp(-2 * 1.4)), abs=1e-6)


def test_a_query_is_answered_with_the_memory_mixed_by_its_key(generator: torch.Generator) -> None:
    """The whole of step 3 in a loop over queries, with explicit weights for each."""
    theta, data = double(CLASSIFIER.init(generator)), task(generator)
    phi = CLASSIFIER.adapt(theta, {}, data.support[0])
    slow, q_slow, q_fast = select_prefix("base.", theta), select_prefix("embed.", theta), select_prefix("embed.", phi)
    got = CLASSIFIER.apply(theta, phi, data.query.x)
    keys = torch.cat([IMAGES.key(x[None], shared(q_slow), shared(q_fast)) for x in data.support[0].x])
    assert torch.allclose(phi["keys"], keys, atol=1e-12)
    for n, x in enumerate(data.query.x):
        key = IMAGES.key(x[None], shared(q_slow), shared(q_fast))
        a = torch.stack([F.cosine_similarity(key[0], k, dim=0) for k in keys]).softmax(0)
        own = {k: torch.einsum("i,i...->...", a, v) for k, v in select_prefix("base.", phi).items()}
        assert torch.allclose(got[n], IMAGES(x[None], shared(slow), shared(own))[0], atol=1e-12)


@pytest.mark.parametrize("representation", ["task", "verification"])
def test_every_weight_learns_but_the_last_layer_of_the_representation(
    representation: str, generator: torch.Generator
) -> None:
    network = conv_network(WAY, channels=8, blocks=2, image=(1, SIZE))
    learner = replace(CLASSIFIER, base=network, embed=network, representation=representation, margin=10.0)  # type: ignore[arg-type]
    theta = {k: v.double().requires_grad_() for k, v in learner.init(generator).items()}
    learner.loss(theta, task(generator)).backward()  # type: ignore[no-untyped-call]
    silent = {k for k, v in theta.items() if v.grad is None or not v.grad.abs().sum() > 0}
    assert silent == {"embed.dense1"}


def test_nothing_is_differentiated_through_a_gradient(generator: torch.Generator) -> None:
    """Fast weights depend on m and d, and on slow weights, or on how much a policy explores, not at all."""
    cases: list[tuple[MetaNet, Examples | Transitions]] = [
        (CLASSIFIER, pictures(generator)),
        (ACTOR, by_item(episodes(generator))),
    ]
    for learner, items in cases:
        theta = {k: v.requires_grad_() for k, v in double(learner.init(generator)).items()}
        made = {"m.": learner.example_level(theta, items), "d.": learner.task_level(theta, items)}
        for by, fast in made.items():
            total = torch.stack([v.sum() for v in fast.values()]).sum()
            reached = torch.autograd.grad(total, list(theta.values()), allow_unused=True)
            names = {k for k, g in zip(theta, reached, strict=True) if g is not None}
            assert names == {k for k in theta if k.startswith(by)}


@pytest.mark.parametrize(("slices", "free"), [(1, True), (3, False)])
def test_only_what_d_reads_in_order_depends_on_the_order(slices: int, free: bool, generator: torch.Generator) -> None:
    """One slice is the mean of all; of three the LSTM sees which came first. The memory itself has no order."""
    learner = replace(CLASSIFIER, slices=slices, fast_gain=1.0)
    theta, data = double(learner.init(generator)), task(generator)
    turned = Examples(*(t[[2, 0, 1]] for t in data.support[0]))
    straight, other = (learner.adapt(theta, {}, s) for s in (data.support[0], turned))
    assert torch.allclose(straight["base.conv1"][[2, 0, 1]], other["base.conv1"], atol=1e-12)
    outs = [learner.apply(theta, phi, data.query.x) for phi in (straight, other)]
    assert torch.allclose(outs[0], outs[1], atol=1e-9) == free


def test_like_pairs_are_drawn_together_and_unlike_ones_apart() -> None:
    """Points 0, 3 | 4 on a line, margin 2: both orders of 1/2 9 (like), 0 (4 apart), 1/2 (2 - 1)^2; over 3 - 1."""
    z, y = torch.tensor([[0.0], [3.0], [4.0]]), torch.tensor([0, 0, 1])
    assert contrastive(z, y, 2.0).item() == pytest.approx((9 + 1) / 2, abs=1e-3)


def test_an_episode_is_an_item(generator: torch.Generator) -> None:
    """Fast weights of m of each episode's part of the surrogate, times episodes; keys are means over steps taken."""
    theta, data = double(ACTOR.init(generator)), episodes(generator)
    phi = ACTOR.adapt(theta, {}, data)
    fast = select_prefix("embed.", phi)
    for e in range(3):
        weights = {k: v.clone().requires_grad_() for k, v in select_prefix("base.", theta).items()}
        total = torch.zeros((), dtype=torch.float64)
        keys = []
        for t in range(7):
            if not data.alive[t, e]:
                continue
            x = data.x[t, e]
            keys.append(POLICY.key(x[None], shared(select_prefix("embed.", theta)), shared(fast))[0])
            h = x
            for i in range(3):
                h = weights[f"dense{i}"][:, :-1] @ h + weights[f"dense{i}"][:, -1]
                h = h.relu() if i < 2 else h
            normal = torch.distributions.Normal(h, theta["log_std"].exp())
            logp = normal.log_prob(data.act[t, e]).sum()
            ratio = (logp - data.logp[t, e]).exp().detach()  # for the policy that sampled is another
            total = total - ratio * logp * data.adv[t, e]
        gradient = torch.autograd.grad(3 * total / data.alive.sum(), weights["dense1"])[0]
        expected = run_m(theta, "m.dense", log_and_sign(gradient.flatten()[None], 7.0))[0]
        assert torch.allclose(phi["base.dense1"][e].flatten(), expected, atol=1e-9)
        assert torch.allclose(phi["keys"][e], torch.stack(keys).mean(0), atol=1e-9)


def test_two_rounds_are_one_round_of_all_episodes(generator: torch.Generator) -> None:
    theta, first, second = double(ACTOR.init(generator)), episodes(generator), episodes(generator)
    twice = ACTOR.adapt(theta, ACTOR.adapt(theta, ACTOR.initial_state(theta), first), second)
    at_once = ACTOR.adapt(theta, {}, Transitions(*(torch.cat(pair, 1) for pair in zip(first, second, strict=True))))
    assert twice["keys"].shape == (6, 4)
    assert all(torch.allclose(twice[k], at_once[k].to(twice[k]), atol=1e-12) for k in at_once)


def test_tasks_side_by_side_are_tasks_one_by_one(generator: torch.Generator) -> None:
    wave = dense_network(1, 1, (6, 6))
    follower: MetaNet[Tensor] = MetaNet(wave, wave, identity_head, mse, mse, hidden=4)
    points = [[Examples(*torch.randn(2, 4, 1, generator=generator).double()) for _ in range(2)] for _ in range(3)]
    cases: list[tuple[MetaNet, list[SupervisedTask] | list[Episode]]] = [
        (CLASSIFIER, [task(generator) for _ in range(3)]),
        (follower, [SupervisedTask((s,), q) for s, q in points]),
        (ACTOR, [Episode((episodes(generator),), episodes(generator)) for _ in range(3)]),
    ]
    for learner, tasks in cases:
        theta = {k: v.requires_grad_() for k, v in double(learner.init(generator)).items()}
        kind = type(tasks[0].query)
        support, query = (
            kind(*(torch.stack(ts) for ts in zip(*data, strict=True)))
            for data in ([t.support[0] for t in tasks], [t.query for t in tasks])
        )
        together = mean_over_tasks(learner.loss, theta, type(tasks[0])((support,), query))  # type: ignore[arg-type, type-var]
        alone = torch.stack([learner.loss(theta, task) for task in tasks]).mean()
        assert torch.allclose(together, alone, atol=1e-9)
        gradients = [torch.autograd.grad(x, list(theta.values()), allow_unused=True) for x in (together, alone)]
        for a, b in zip(*gradients, strict=True):
            assert a is None or b is None or torch.allclose(a, b, atol=1e-9)


def test_it_acts_on_observations_of_any_shape(generator: torch.Generator) -> None:
    theta, data = double(ACTOR.init(generator)), episodes(generator)
    phi = ACTOR.adapt(theta, {}, data)
    whole = ACTOR.apply(theta, phi, data.x)
    assert whole.mean.shape == (7, 3, 2)
    assert torch.allclose(whole.mean[4, 1], ACTOR.apply(theta, phi, data.x[4, 1:2]).mean[0], atol=1e-12)
    assert torch.equal(whole.log_std[0, 0], theta["log_std"])


@pytest.mark.slow
def test_it_learns_to_tell_drawn_characters_apart() -> None:
    """A hundred tasks of three ways and one shot take it from a third right to nearly all."""
    network, family = conv_network(3, 16), FewShotImages(glyphs.load(), 3, 1, 5)
    learner: MetaNet[Tensor] = MetaNet(
        network, network, identity_head, cross_entropy, cross_entropy, 3, attention_scale=10.0
    )
    generator = torch.Generator().manual_seed(0)
    theta = {k: v.requires_grad_() for k, v in learner.init(generator).items()}
    optimizer = torch.optim.Adam(theta.values(), 3e-3)
    for _ in range(100):
        support, query = family.examples(family.sample(1, "train", generator))
        optimizer.zero_grad()
        mean_over_tasks(learner.loss, theta, SupervisedTask((support,), query)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(theta.values(), 10)
        optimizer.step()

    def right(s: Examples, q: Examples) -> Tensor:
        predicted = learner.apply(theta, learner.adapt(theta, {}, s), q.x).argmax(-1)
        return (predicted == q.y).float().mean()

    with torch.no_grad():
        assert torch.func.vmap(right)(*family.examples(family.sample(30, "test", generator))).mean() > 0.8
