"""Memories against numbers worked out by hand, numpy loops, and torch's own cells."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learner import SupervisedTask, mean_over_tasks
from agents.memory import GRU, LRUA, LSTM, NTM, Core, Stream, Transcriber
from agents.memory.ntm import address_by
from agents.memory.stream import flatten_images, identity, numbers_as_labels, one_hot_labels
from agents.nn import addressing
from agents.nn.cores import run
from agents.objectives import bits, cross_entropy, mse
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.copying import Copying, count_wrong_bits
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.sinusoid import Sinusoid

CORES: list[Core] = [
    LSTM(4, 6),
    GRU(4, 6),
    NTM(4, 6, 5, 3, 2, 2),
    NTM(4, 6, 5, 3, 2, 2, "feedforward"),
    LRUA(4, 6, 5, 3, 2),
    LRUA(4, 6, 5, 3, 2, 0.9, "add", True),
]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_shift_moves_the_weights_round_the_circle() -> None:
    """All of the weight at 0, kernel (back 0.2, stay 0.3, on 0.5): 0.3 stays, 0.5 goes to 1, 0.2 to the last."""
    moved = addressing.shift(torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.2, 0.3, 0.5]))
    assert moved.tolist() == pytest.approx([0.3, 0.5, 0, 0.2])


def test_sharpening_is_a_power_made_a_distribution_again() -> None:
    """(0.6, 0.4)^2 = 0.36, 0.16: their sum is 0.52."""
    sharp = addressing.sharpen(torch.tensor([0.6, 0.4]), torch.tensor(2.0))
    assert sharp.tolist() == pytest.approx([0.36 / 0.52, 0.16 / 0.52], abs=1e-6)


def test_content_is_found_by_cosine_and_strength() -> None:
    """Key (1, 0) and rows (2, 0), (0, 3): cosines 1 and 0, strength 2: e^2 : 1."""
    found = addressing.content_weights(
        torch.tensor([[1.0, 0]]), torch.tensor([2.0]), torch.tensor([[2.0, 0], [0, 3.0]])
    )
    assert found[0].tolist() == pytest.approx([np.e**2 / (np.e**2 + 1), 1 / (np.e**2 + 1)], abs=1e-6)


def test_writing_erases_and_then_adds() -> None:
    """Two heads at weights (1, 0) and (0.5, 0.5): rows keep (1 - w e) of each head, and get w a of each."""
    memory = torch.ones(2, 2)
    weights = torch.tensor([[1.0, 0], [0.5, 0.5]])
    erase, add = torch.tensor([[1.0, 0], [0, 1.0]]), torch.tensor([[3.0, 0], [0, 4.0]])
    assert addressing.write(memory, weights, erase, add).tolist() == [[3.0, 2.5], [1.0, 2.5]]


def test_a_head_finds_its_place_by_content_then_gate_then_shift_then_sharpness() -> None:
    """The whole chain in numpy (Graves et al. 2014, eq. 5 to 9)."""
    rng = np.random.default_rng(0)
    memory, before, emitted = rng.normal(size=(4, 3)), np.array([0.1, 0.2, 0.3, 0.4]), rng.normal(size=9)
    key, rest = np.tanh(emitted[:3]), emitted[3:]
    softplus = np.log1p(np.exp(rest))
    cosine = memory @ key / np.linalg.norm(memory, axis=1) / np.linalg.norm(key)
    content = np.exp(softplus[0] * cosine)
    gate = 1 / (1 + np.exp(-rest[1]))
    w = gate * content / content.sum() + (1 - gate) * before
    s = np.exp(rest[3:]) / np.exp(rest[3:]).sum()
    w = np.array([sum(s[d + 1] * w[(i - d) % 4] for d in (-1, 0, 1)) for i in range(4)])
    w = w ** (1 + softplus[2])
    found = address_by(*(torch.from_numpy(a) for a in (emitted[None], before[None], memory)))
    assert found[0].numpy() == pytest.approx(w / w.sum(), abs=1e-6)


@pytest.mark.parametrize("controller", ["lstm", "feedforward"])
def test_the_turing_machine_reads_what_it_wrote(controller: Literal["lstm", "feedforward"]) -> None:
    """With heads that emit constants the step is worked out from its parts."""
    core = NTM(2, 3, 4, 2, controller=controller)
    theta = core.init(generator())
    theta["heads.weight"] = torch.zeros_like(theta["heads.weight"])
    erase, add, stay = torch.tensor([20.0, -20.0]), torch.tensor([20.0, -20.0]), torch.tensor([-30.0, 30.0, -30.0])
    to_content = torch.tensor([0.0, 0.0, 0.0, -30.0, 0.0])  # key, strength, gate (by location), sharpness
    theta["heads.bias"] = torch.cat([to_content, stay, to_content, stay, erase, add])
    memory, features = core.step(theta, core.initial_state(theta), core.project_input(theta, torch.ones(2)))
    assert memory["write_weights"][0].tolist() == pytest.approx([1, 0, 0, 0], abs=1e-5)
    assert memory["memory"][0].tolist() == pytest.approx([1, -1], abs=1e-5)
    assert features[3:].tolist() == pytest.approx([1, -1], abs=1e-4)


def test_a_feedforward_controller_knows_only_its_input_and_what_was_read() -> None:
    """h = tanh(U x + V r + b); with another memory but the same reading it says the same."""
    core = NTM(2, 3, 4, 2, controller="feedforward")
    theta = core.init(generator())
    memory = core.initial_state(theta) | {"read": torch.tensor([0.5, -1.0])}
    x = torch.tensor([1.0, 2.0])
    u, v, b = (theta[f"controller.{k}"] for k in ("input", "recurrent", "bias"))
    features = core.step(theta, memory, core.project_input(theta, x))[1]
    torch.testing.assert_close(features[:3], (u @ x + v @ torch.tensor([0.5, -1.0]) + b).tanh())
    assert not {"h", "c"} & set(memory)


@pytest.mark.parametrize("address", ["old", "new"])
def test_least_recently_used_access_over_three_writes(address: Literal["old", "new"]) -> None:
    """Weights, usage and memory of every step against a loop in numpy (Santoro et al. 2016, eq. 2 to 8)."""
    core = LRUA(3, 5, 6, 2, 2, decay=0.9, address=address)
    theta = {k: v.double() for k, v in core.init(generator()).items()}
    x = torch.randn(3, 3, dtype=torch.float64, generator=generator())
    state = {k: v.double() for k, v in core.initial_state(theta).items()}
    memory, read, usage = np.full((6, 2), 1e-6), np.eye(6)[[0, 0]], np.eye(6)[0]
    for item in x:
        before = state
        state, _ = core.step(theta, state, core.project_input(theta, item))
        emitted = state["h"].numpy() @ theta["heads.weight"].numpy().T
        key, gate = np.tanh(emitted.reshape(2, 3)[:, :2]), 1 / (1 + np.exp(-emitted.reshape(2, 3)[:, 2:]))
        free = np.zeros(6)
        free[torch.from_numpy(usage).topk(2, largest=False).indices.numpy()] = 1
        written = gate * read + (1 - gate) * free
        old, memory = memory, memory * (1 - free[:, None]) + written.T @ key
        looked_up = old if address == "old" else memory
        cosine = key @ looked_up.T / (np.linalg.norm(key, axis=1)[:, None] * np.linalg.norm(looked_up, axis=1) + 1e-8)
        read = np.exp(cosine) / np.exp(cosine).sum(1, keepdims=True)
        usage = 0.9 * usage + read.sum(0) + written.sum(0)
        assert state["memory"].numpy() == pytest.approx(memory, abs=1e-9)
        assert state["read_weights"].numpy() == pytest.approx(read, abs=1e-9)
        assert state["usage"].numpy() == pytest.approx(usage, abs=1e-9)
        assert before["usage"].shape == (6,)


def test_the_least_used_are_those_and_no_derivative_passes() -> None:
    usage = torch.tensor([0.5, 0.1, 0.9, 0.2], requires_grad=True)
    free = addressing.least_used(usage, 2)
    assert free.tolist() == [0, 1, 0, 1]
    assert not free.requires_grad


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_plain_cells_are_those_of_torch(kind: str) -> None:
    core = {"LSTM": LSTM, "GRU": GRU}[kind](4, 6)
    theta = core.init(generator())
    reference = getattr(torch.nn, kind)(4, 6)
    bias = theta["controller.bias"]
    with torch.no_grad():
        reference.weight_ih_l0.copy_(theta["controller.input"])
        reference.weight_hh_l0.copy_(theta["controller.recurrent"])
        reference.bias_ih_l0.copy_(bias)
        reference.bias_hh_l0.zero_()
        if kind == "GRU":
            reference.bias_hh_l0[12:] = theta["controller.recurrent_bias"]
    x = torch.randn(7, 4, generator=generator())
    torch.testing.assert_close(run(core, theta, core.initial_state(theta), x)[1], reference(x)[0])


@pytest.mark.parametrize("core", CORES, ids=lambda c: type(c).__name__)
def test_leading_axes_are_sequences_apart(core: Core) -> None:
    """Sequences at once, one by one, and under vmap: the same features, and a finite gradient for every weight."""
    theta = {k: v.requires_grad_() for k, v in core.init(generator()).items()}
    x = torch.randn(6, 3, 4, generator=generator())
    together = run(core, theta, core.initial_state(theta), x)[1]
    assert together.shape == (6, 3, core.dim)
    alone = torch.stack([run(core, theta, core.initial_state(theta), x[:, i])[1] for i in range(3)], 1)
    mapped = torch.func.vmap(lambda s: run(core, theta, core.initial_state(theta), s)[1], 1, 1)(x)
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together, mapped)
    together.square().sum().backward()
    for name, weight in theta.items():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def classifier(core: Core) -> Stream:
    return Stream(core, identity, one_hot_labels, cross_entropy, way=2)


def test_an_answer_is_shown_with_the_next_example() -> None:
    """What is said of an item may depend on every answer before it, and on its own and later ones never."""
    learner = classifier(LRUA(4, 8, 10, 3, 1))
    theta = learner.init(generator())
    x = torch.randn(5, 2, generator=generator())
    said = learner.forward_sequence(theta, learner.initial_state(theta), Examples(x, torch.tensor([0, 1, 0, 1, 0])))[1]
    other = learner.forward_sequence(theta, learner.initial_state(theta), Examples(x, torch.tensor([0, 1, 1, 1, 0])))[1]
    assert torch.equal(said[:3], other[:3])
    assert not torch.equal(said[3], other[3])


def test_a_query_goes_on_from_the_support() -> None:
    """Asked after the support, an item is answered as it would be as the next of the stream."""
    learner = classifier(NTM(4, 8, 10, 3))
    theta = learner.init(generator())
    x, y = torch.randn(5, 2, generator=generator()), torch.tensor([0, 1, 1, 1, 0])
    whole = learner.forward_sequence(theta, learner.initial_state(theta), Examples(x, y))[1]
    phi = learner.adapt(theta, learner.initial_state(theta), Examples(x[:4], y[:4]))
    asked = learner.apply(theta, phi, torch.stack([x[4], x[0]]))
    torch.testing.assert_close(asked[0], whole[4])
    torch.testing.assert_close(asked[1:], learner.apply(theta, phi, x[:1]))


def test_the_loss_is_over_the_stream_and_the_queries() -> None:
    learner = Stream(LSTM(2, 6), identity, numbers_as_labels, mse, way=1)
    theta = learner.init(generator())
    family = Sinusoid(4, 3)
    support, query = family.examples(family.sample(2, "train", generator()))
    task = SupervisedTask((Examples(support.x[0], support.y[0]),), Examples(query.x[0], query.y[0]))
    phi, said = learner.forward_sequence(theta, learner.initial_state(theta), task.support[0])
    asked = learner.apply(theta, phi, task.query.x)
    wanted = ((said - task.support[0].y).square().sum() + (asked - task.query.y).square().sum()) / 7
    torch.testing.assert_close(learner.loss(theta, task), wanted)


def test_a_memory_learns_to_bind_glyphs_to_answers() -> None:
    """Forty steps on one lesson: it can only be told by what was bound in it."""
    family = FewShotImages(glyphs.load(6), 2, 3, 1)
    learner = Stream(LRUA(402, 32, 16, 8, 1), flatten_images, one_hot_labels, cross_entropy, 2)
    theta = {k: v.requires_grad_() for k, v in learner.init(generator()).items()}
    support, query = family.examples(family.sample(4, "train", generator()))
    task = SupervisedTask((support,), query)
    optimizer = torch.optim.Adam(theta.values(), 1e-2)
    losses = []
    for _ in range(40):
        loss = mean_over_tasks(learner.loss, theta, task)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_copying_shows_the_sequence_then_its_end_and_wants_it_back() -> None:
    family = Copying((3, 3), bits=4)
    tasks = family.sample(5, "train", generator())
    support, query = family.examples(tasks)
    assert support.x.shape == (5, 4, 5)
    assert query.y.shape == (5, 3, 4)
    assert torch.equal(support.x[:, :3, :4], query.y)
    assert support.x[:, :, 4].tolist() == [[0, 0, 0, 1]] * 5
    assert support.x[:, 3, :4].sum() == 0
    assert query.x.sum() == 0
    assert 0.2 < query.y.mean() < 0.8
    assert not torch.equal(query.y[0], query.y[1])


def test_repeated_copies_end_with_a_mark() -> None:
    """Three copies of a range of one to three: told as (3 - 2) / sqrt(2/3), and seven steps for two vectors."""
    family = Copying((2, 2), (1, 3), bits=4)
    tasks = family.sample(1, "test", generator())
    tasks.values[:, 1] = 3
    support, query = family.examples(tasks)
    assert support.x[0, 2, 5].item() == pytest.approx((2 / 3) ** -0.5)
    assert query.y.shape == (1, 7, 5)
    assert torch.equal(query.y[0, :2, :4], query.y[0, 4:6, :4])
    assert query.y[0, :, 4].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert query.y[0, 6, :4].sum() == 0


def test_sequences_of_two_splits_differ_and_a_batch_has_one_length() -> None:
    family = Copying()
    train, test = (family.sample(200, split, generator()) for split in family.splits())
    assert not set(train.column("bits").tolist()) & set(test.column("bits").tolist())
    train.values[0, 0] += 1
    with pytest.raises(ValueError, match="one length at a time"):
        family.examples(train)
    with pytest.raises(ValueError, match="low"):
        Copying((5, 2))


def test_a_transcriber_costs_a_bit_a_bit_before_it_knows_anything() -> None:
    """With a last layer of zeros every bit costs one; the cost is in bits."""
    family = Copying((2, 2), bits=3)
    learner = Transcriber(NTM(family.space.obs, 8, 10, 4), family.space.act)
    theta = learner.init(generator())
    theta["last.weight"] = torch.zeros_like(theta["last.weight"])
    support, query = family.examples(family.sample(3, "train", generator()))
    assert mean_over_tasks(learner.loss, theta, SupervisedTask((support,), query)).item() == pytest.approx(
        1.0, abs=1e-6
    )
    sure = Examples(query.x, query.y)
    assert bits(40 * (query.y - 0.5), sure).item() == pytest.approx(0.0, abs=1e-6)
    wrong: Tensor = count_wrong_bits(40 * (query.y - 0.5), 1 - query.y)
    assert wrong.tolist() == [6, 6, 6]
