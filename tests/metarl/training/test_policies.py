"""Trials of several episodes as they are lived through."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from agents.learner import Episode
from agents.memory import RL2
from agents.objectives import likelihood_ratio
from envs.core import Tasks
from metarl.config import files as settings
from metarl.training.collect import AdvantageEstimator, Rollouts, collect_rollouts
from metarl.training.policies import pack_valid_steps
from metarl.training.trainer import Trainer
from tests.probes import Guess

CONFIG: dict[str, Any] = {
    "tasks": {"kind": "point", "horizon": 12, "action_scale": 300.0},
    "policy": {"hidden": [8], "init_std": 3.0},
    "learner": {"kind": "gru", "hidden": 6, "rounds": 2},
    "outer": {"kind": "ppo", "num_epochs": 2, "minibatches": 2},
    "train": {"iterations": 2, "num_tasks": 4, "episodes": 3, "num_threads": 1},
}


def trainer(**learner: Any) -> Trainer:
    given = CONFIG["learner"] | learner
    if given["kind"] == "snail":
        del given["hidden"]
    return Trainer(settings.parse(CONFIG | {"learner": given}))


def rollouts(t: Trainer, near: bool = False, bootstrap: bool = True) -> Rollouts:
    """near: goals so close that many episodes end by reaching them."""
    tasks = t.family.sample(4, "train", torch.Generator().manual_seed(1))
    if near:
        tasks = Tasks(tasks.names, 0.1 * tasks.values)
    generator = torch.Generator().manual_seed(2)
    return collect_rollouts(
        t.learner,
        t.state.theta,
        t.family,
        tasks,
        (3,) * (t.learner.rounds + 1),
        AdvantageEstimator(0.99, 0.95, bootstrap),
        generator,
    )


def test_taken_first() -> None:
    taken = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 0]], dtype=torch.bool)
    (x,) = pack_valid_steps([torch.arange(8.0).view(4, 2)], taken)
    assert x.tolist() == [[0, 3], [4, 0]]


@pytest.mark.parametrize("kind", ["gru", "lstm", "mann", "ntm", "snail", "transformer"])
@pytest.mark.parametrize("memory_reset", ["trial", "episode"])
def test_learning_sees_what_acting_saw(kind: str, memory_reset: str) -> None:
    """Run over again at once, the trials give the very policies that sampled, whatever ended and whenever."""
    small = {"mann": {"locations": 5, "width": 4}, "ntm": {"locations": 5, "width": 4}, "snail": {"length": 16}}
    small["transformer"] = {"hidden": 8, "heads": 2, "length": 16}
    t = trainer(kind=kind, memory_reset=memory_reset, **small.get(kind, {}))
    told = rollouts(t, near=True)
    taken = torch.stack([x.alive for x in told.trajectories])
    assert 0 < (~taken).sum() < 0.9 * taken.numel()  # some episodes ended early
    data = told.episode.query
    assert data.alive.sum() == taken.sum()
    assert data.x.shape[2] == (12 if memory_reset == "trial" else 36)
    assert isinstance(t.learner, RL2)
    one = type(data)(*(x[0] for x in data))
    out = t.learner.apply(t.state.theta, t.learner.initial_state(t.state.theta), one.x)
    torch.testing.assert_close(likelihood_ratio(out, one), torch.ones_like(one.logp), rtol=0, atol=1e-4)


def test_what_is_seen_is_the_last_step() -> None:
    told = rollouts(trainer())
    x, a, b = told.episode.query.x[0], told.trajectories[0], told.trajectories[1]
    assert x.shape == (36 + 1, 12, 2 + 2 + 2)
    obs, act, rew, ended = x.split([2, 2, 1, 1], -1)
    assert not x[0, :, 2:].any()
    flat = a.obs.transpose(0, 1).flatten(1, 2), a.act.transpose(0, 1).flatten(1, 2), a.rew.transpose(0, 1).flatten(1, 2)
    torch.testing.assert_close(obs[:12], flat[0])
    torch.testing.assert_close(act[1:13], flat[1])
    torch.testing.assert_close(rew[1:13, :, 0], flat[2])
    torch.testing.assert_close(obs[12:24], b.obs.transpose(0, 1).flatten(1, 2))
    assert ended[:, :, 0].nonzero()[:, 0].unique().tolist() == [12, 24]  # the first steps of later episodes


@pytest.mark.parametrize("memory_reset", ["trial", "episode"])
def test_behind_the_end_is_what_would_have_been_the_next_input(memory_reset: str) -> None:
    """The observation after the last step, its action and reward, and no end; of each episode with its own memory."""
    told = rollouts(trainer(memory_reset=memory_reset))
    query, rounds = told.episode.query, told.trajectories[-1 if memory_reset == "trial" else 0 :]
    last = 36 if memory_reset == "trial" else 12
    assert query.x.shape == (1, last + 1, 12 if memory_reset == "trial" else 36, 6)
    assert query.alive[0, :last].all()
    assert not query.alive[0, last].any()
    obs, act, rew, ended = query.x[0, last].view(4, 3, -1, 6).split([2, 2, 1, 1], -1)  # [N, E, K, ...]
    for k, of_round in enumerate(rounds):
        assert not of_round.terminated.any()
        torch.testing.assert_close(obs[:, :, k], of_round.last_obs)
        torch.testing.assert_close(act[:, :, k], of_round.act[:, -1])
        torch.testing.assert_close(rew[:, :, k, 0], of_round.rew[:, -1])
        moved = of_round.obs[:, -1] + (of_round.act[:, -1] / 300).clamp(-0.1, 0.1)
        torch.testing.assert_close(of_round.last_obs, moved)
    assert not ended.any()


@pytest.mark.parametrize("memory_reset", ["trial", "episode"])
def test_the_value_behind_the_end_counts_only_where_time_has_cut(memory_reset: str) -> None:
    """The return of a last step is its reward and, unless it terminated, gamma times the value of what follows it."""
    t = trainer(memory_reset=memory_reset)
    assert isinstance(t.learner, RL2)
    some, told_by_family = {True: 0, False: 0}, t.family.experience

    def ending(*args: Any) -> Any:
        data = told_by_family(*args)
        data.terminated[:, -1, 0] = data.alive[:, -1, 0]  # in the very last step
        return data

    t.family.experience = ending  # type: ignore[method-assign]
    for bootstrap in (True, False):
        told = rollouts(t, near=True, bootstrap=bootstrap)
        data = told.episode.query
        value = t.learner.value(t.state.theta, data.x[0], data.descriptor[0])
        ended = torch.stack([x.terminated.any(1) for x in told.trajectories], -1).flatten(0, 1)  # [N * E, K]
        ended = ended[:, -1] if memory_reset == "trial" else ended.flatten()
        for b, steps in enumerate(data.alive[0].sum(0).tolist()):
            cut = bootstrap and not ended[b]
            some[cut] += 1
            n, e, k = (b // 3, b % 3, 2) if memory_reset == "trial" else (b // 9, b // 3 % 3, b % 3)
            length = int(told.trajectories[k].alive[n, :, e].sum())
            rew = told.trajectories[k].rew[n, length - 1, e].item()
            then = 0.99 * value[steps, b].item() if cut else 0.0
            assert data.ret[0, steps - 1, b].item() == pytest.approx(rew + then, abs=1e-4)
    assert min(some.values()) > 3


def test_trials_carry_the_true_parameters_of_their_task() -> None:
    for memory_reset, trials in (("trial", 3), ("episode", 9)):
        t = trainer(memory_reset=memory_reset)
        tasks = t.family.sample(4, "train", torch.Generator().manual_seed(1))
        descriptor = rollouts(t).episode.query.descriptor[0]  # [L, B, P]
        assert torch.equal(descriptor, t.family.descriptor(tasks).repeat_interleave(trials, 0).expand_as(descriptor))


def test_memory_lasts_for_a_trial_or_an_episode() -> None:
    """The first step of the second episode: the same memory as at the start, or not."""
    for memory_reset, same in (("trial", False), ("episode", True)):
        t = trainer(memory_reset=memory_reset)
        told = rollouts(t)
        first, second = (x.mean[:, 0] for x in told.trajectories[:2])  # observations are the same there: the origin
        assert torch.equal(first, second) is same


def test_nothing_is_learned_from_a_trial_that_broke_down() -> None:
    t = trainer()
    whole = rollouts(t).episode.query
    told = t.family.experience

    def breaking(*args: Any) -> Any:
        data = told(*args)
        data.diverged[1, 2] = True
        return data

    t.family.experience = breaking  # type: ignore[method-assign]
    data = rollouts(t).episode.query
    broken = 1 * 3 + 2
    assert not data.alive[0, :, broken].any()
    assert not data.x[0, :, broken].any()
    others = [i for i in range(12) if i != broken]
    assert torch.equal(data.alive[:, :, others], whole.alive[:, :, others])


def test_minibatches_cover_every_trial_once_an_epoch() -> None:
    t = trainer()
    episode = rollouts(t).episode
    epochs = [[part for part, _ in epoch] for epoch in t.outer.minibatches(episode, seed=1)]  # type: ignore[attr-defined]
    assert [len(parts) for parts in epochs] == [2, 2]
    assert all(p.query.x.shape[2] == 6 for parts in epochs for p in parts)
    for epoch in epochs:
        first = torch.cat([p.query.act[0, 0] for p in epoch], 0)
        assert torch.equal(first.sort(0).values, episode.query.act[0, 0].sort(0).values)


@pytest.mark.parametrize("kind", ["gru", "mann"])
def test_only_a_memory_profits_from_the_first_guess(kind: str) -> None:
    """One number is to be guessed, +1 or -1, twice; the reward of the first guess tells it. Without memory: -1."""
    gained = {}
    for memory_reset in ("trial", "episode"):
        given = CONFIG | {
            "policy": {"hidden": [16], "init_std": 0.5},
            "learner": {"kind": kind, "hidden": 16, "memory_reset": memory_reset}
            | ({} if kind == "gru" else {"locations": 4}),
            "outer": {"kind": "ppo", "outer_lr": 0.01, "num_epochs": 4, "max_grad_norm": 0.5},
            "advantage": {"bootstrap": False},  # there are two guesses
            "train": {"iterations": 60, "num_tasks": 64, "episodes": 2, "num_threads": 1},
        }
        t = Trainer(settings.parse(given), family=Guess())
        for _ in range(60):
            metrics = t.iterate()
        gained[memory_reset] = metrics["return_after"]
    assert gained["trial"] > -0.5
    assert gained["episode"] < -0.9


def test_the_scale_of_returns_is_known_before_the_step_and_what_is_seen_after_it() -> None:
    t = trainer()
    counts, step = [], t.outer.step

    def observed(episode: Episode) -> dict[str, float]:
        counts.append((t.theta["ret.count"].item(), t.theta["seen.count"].item()))
        return step(episode)

    t.outer.step = observed  # type: ignore[method-assign]
    t.iterate()
    (returns, inputs) = counts[0]
    assert returns > 0
    assert inputs == 0
    assert t.state.theta["seen.count"].item() == t.state.theta["ret.count"].item() > 0
