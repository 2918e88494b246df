"""Trials in chunks: the same as whole trials where one chunk is a trial, else as a loop that detaches at borders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agents.learner import Params, Transitions
from agents.memory import GRU, LRUA, LSTM, NTM, RL2, SNAIL, Core, Transformer
from agents.nn.critic import Critic
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.objectives import clipped_policy_gradient, mean_alive
from agents.records import Chunks, StoredState
from metarl.config.experiment import Config
from metarl.training.chunks import in_chunks
from metarl.training.collect import Clock
from metarl.training.trainer import Trainer

OBS, ACT = 2, 1
INPUTS = OBS + ACT + 2
LENGTH, TRIALS = 7, 3
CORES: dict[str, Core] = {
    "gru": GRU(INPUTS, 5),
    "lstm": LSTM(INPUTS, 5),
    "mann": LRUA(INPUTS, 5, 6, 3, 2, strength=True),
    "ntm": NTM(INPUTS, 5, 6, 3),
    "snail": SNAIL(INPUTS, 3, 4, 2, 4),
    "transformer": Transformer(INPUTS, 8, 2, 2, 4),
}


def learner_of(core: Core, bptt_steps: int) -> RL2:
    known = core.dim + INPUTS
    policy, critic = GaussianMLP(known, ACT, (8,)), Critic(MLP(known, 8, 1))
    return RL2(core, INPUTS, policy, critic, clipped_policy_gradient(0.2), bptt_steps=bptt_steps)


def trials(learner: RL2) -> tuple[Params, Transitions]:
    """Parameters, and trials of 7, 5 and 2 steps."""
    generator = torch.Generator().manual_seed(0)
    theta = {k: v.double().requires_grad_() for k, v in learner.init(generator).items()}

    def normal(*tail: int) -> Tensor:
        return torch.randn(1, LENGTH, TRIALS, *tail, generator=generator, dtype=torch.float64)

    alive = torch.arange(LENGTH)[None, :, None] < torch.tensor([7, 5, 2])
    x = torch.where(alive[..., None], normal(INPUTS), 0.0)
    logp = -1 + 0.1 * normal()
    return theta, Transitions(x, normal(ACT), logp, normal(ACT), normal(ACT), normal(), alive, normal(), normal(0))


def one_task(episode: Chunks) -> Chunks:
    return Chunks((StoredState(episode.support[0].flat[0]),), Transitions(*(x[0] for x in episode.query)))


def chunks_of(learner: RL2, theta: Params, data: Transitions) -> Chunks:
    with torch.no_grad():
        episode = in_chunks(learner, theta, data, LENGTH)
    assert isinstance(episode, Chunks)
    return one_task(episode)


def memory_after(learner: RL2, theta: Params, x: Tensor, detach_every: int) -> list[Params]:
    """Memories before and after every step of trials [L, B, I], by single steps, without errors across borders."""
    phi = {k: v.expand(x.shape[1], *v.shape) for k, v in learner.initial_state(theta).items()}
    memories = [phi]
    for t, now in enumerate(x):
        phi = learner.step(theta, phi, now)[0]
        phi = {k: v.detach() for k, v in phi.items()} if (t + 1) % detach_every == 0 else phi
        memories.append(phi)
    return memories


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("steps", [LENGTH, 100])
def test_one_chunk_of_a_whole_trial_has_its_loss_and_gradient(name: str, steps: int) -> None:
    learner = learner_of(CORES[name], steps)
    theta, data = trials(learner)
    learned = [v for k, v in theta.items() if not k.startswith(("seen.", "ret."))]
    whole = in_chunks(replace(learner, bptt_steps=0), theta, data, LENGTH)
    assert not whole.support
    query = Transitions(*(x[0] for x in data))
    losses = [learner.loss(theta, whole._replace(query=query)), learner.loss(theta, chunks_of(learner, theta, data))]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-12)
    for a, b in zip(*(torch.autograd.grad(loss, learned) for loss in losses), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("steps", [1, 3, 6])
def test_gradients_are_those_of_a_loop_that_detaches_at_borders(name: str, steps: int) -> None:
    learner = learner_of(CORES[name], steps)
    theta, data = trials(learner)
    query = Transitions(*(x[0] for x in data))
    memories = memory_after(learner, theta, query.x, steps)
    out = [
        learner.forward_sequence(theta, phi, x[None], query.descriptor[:1])
        for phi, x in zip(memories, query.x, strict=False)
    ]
    policy = type(out[0][0])(*(torch.cat(parts) for parts in zip(*(o[0] for o in out), strict=True)))
    value = torch.cat([o[1] for o in out])
    plain = learner.outer(policy, query) + 0.5 * 0.5 * mean_alive((value - query.ret).square(), query)
    mine = learner.loss(theta, chunks_of(learner, theta, data))
    assert mine.item() == pytest.approx(plain.item(), rel=1e-12)
    learned = {k: v for k, v in theta.items() if not k.startswith(("seen.", "ret."))}
    grads = (torch.autograd.grad(loss, list(learned.values()), allow_unused=True) for loss in (mine, plain))
    for key, a, b in zip(learned, *grads, strict=True):
        for part in (a, b):
            assert part is None or part.isfinite().all()
        if a is None or b is None:
            assert all(part is None or not part.any() for part in (a, b)), key
        else:
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-12), key


def test_chunks_of_a_trial_are_side_by_side_with_the_state_before_each() -> None:
    learner = learner_of(CORES["gru"], 3)
    theta, data = trials(learner)
    episode, memories = chunks_of(learner, theta, data), memory_after(learner, theta, data.x[0], LENGTH + 1)
    assert episode.query.x.shape == (3, TRIALS * 3, INPUTS), "seven steps are three chunks of three"
    assert episode.support[0].flat.shape == (1, TRIALS * 3, 5)
    for trial, length in enumerate((7, 5, 2)):
        for chunk in range(3):
            row, start = trial * 3 + chunk, 3 * chunk
            steps = max(min(length - start, 3), 0)
            assert episode.query.alive[:, row].tolist() == [t < steps for t in range(3)]
            assert torch.equal(episode.query.x[:steps, row], data.x[0, start : start + steps, trial])
            if steps:
                torch.testing.assert_close(episode.support[0].flat[0, row], memories[start]["h"][trial])


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("gru_point", {}),
        ("gru_point", {"learner__memory_reset": "episode"}),
        ("hypernetwork_robot", {"policy__critic_hidden": [4], "learner__hidden": 4}),
        ("transformer_robot", {"learner__length": 5, "learner__hidden": 8}),
    ],
)
def test_it_trains(name: str, overrides: dict[str, object], small: Callable[..., Config]) -> None:
    trainer = Trainer(small(name, learner__bptt_steps=4, outer__target_kl=10.0, **overrides))
    assert torch.tensor(trainer.iterate()["loss"]).isfinite()


def test_states_are_those_that_the_policy_acted_with(small: Callable[..., Config]) -> None:
    """Three tasks of two trials of twice ten steps: five chunks of four steps each."""
    trainer = Trainer(small("gru_point", learner__bptt_steps=4, learner__hidden=5))
    learner, theta = trainer.learner, trainer.theta
    assert isinstance(learner, RL2)
    tasks = trainer.family.sample(3, "train", trainer.generator)
    data = trainer.source(learner, theta, tasks, trainer.generator, Clock()).data
    x, flat = data.query.x[0], data.support[0].flat[0, 0]  # [4, 30, I], [30, 5]
    assert x.shape[:2] == (4, 30)
    phi = {"h": flat}
    for now in x:
        phi, out = learner.step(theta, phi, now)
    after = phi["h"]
    for row in range(30):
        expected = torch.zeros(5) if row % 5 == 0 else after[row - 1]
        torch.testing.assert_close(flat[row], expected)
    logp = data.query.logp[0, -1]
    z = (data.query.act[0, -1] - out.mean) / out.log_std.exp()
    again = (-0.5 * z.square() - out.log_std - 0.5 * torch.log(torch.tensor(2 * torch.pi))).sum(-1)
    torch.testing.assert_close(again, logp, msg="the actions of each chunk's last step were sampled after its state")
