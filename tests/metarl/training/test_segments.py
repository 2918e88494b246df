"""Steps in which one episode follows another."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agents.baselines.joint import Joint
from agents.learner import Transitions
from envs import rng
from envs.core import Action, Tasks, Trajectories
from envs.point import PointNavigation, PointWorlds
from envs.task_registry import TASKS
from envs.task_settings import Simulation
from metarl.config import files as settings
from metarl.training.collect import AdvantageEstimator
from metarl.training.policies import SharedPolicy
from metarl.training.segments import collect_segments
from metarl.training.trainer import Trainer
from tests.probes import Guess

CONFIG: dict[str, Any] = {
    "tasks": {"kind": "point", "horizon": 20, "action_scale": 10.0},
    "policy": {"hidden": [8], "last_gain": 1.0},
    "learner": {"kind": "joint"},
    "outer": {"kind": "ppo", "num_epochs": 2, "minibatches": 3},
    "train": {"iterations": 2, "num_tasks": 4, "episodes": 3, "num_threads": 1},
}
N, T, E = 4, 20, 3
ESTIMATOR = AdvantageEstimator(0.9, 0.8)


def points(reached: float | None = 0.2) -> PointNavigation:
    """Short episodes that start anywhere; without `reached` none ends before the horizon."""
    return PointNavigation(T, 10.0, start=0.5, reached=reached)


def trainer(kind: str = "joint", reached: float | None = 0.2, **outer: Any) -> Trainer:
    given = CONFIG | {"learner": {"kind": kind}, "outer": CONFIG["outer"] | outer}
    return Trainer(settings.parse(given), family=points(reached))


def collected(t: Trainer, advantage: AdvantageEstimator = ESTIMATOR, seed: int = 1) -> tuple[Trajectories, Transitions]:
    assert isinstance(t.learner, Joint)
    tasks = t.family.sample(N, "train", torch.Generator().manual_seed(0))
    rollouts = collect_segments(
        t.learner, t.state.theta, t.family, tasks, E, advantage, torch.Generator().manual_seed(seed)
    )
    (data,) = rollouts.trajectories
    return data, rollouts.episode.query


def by_loop(t: Trainer, data: Trajectories, query: Transitions, gamma: float, lambda_: float, cut: bool) -> Tensor:
    """Advantages [N, T, E] of each episode on its own, from the sum of its TD errors."""
    assert isinstance(t.learner, Joint)
    theta = t.state.theta
    value = t.learner.value(theta, query.x, query.descriptor).view(N, T, E)
    descriptor = query.descriptor.view(N, T, E, -1)
    last = data.last_obs
    if t.learner.observes_task:
        last = torch.cat([last, descriptor[:, 0]], -1)
    behind = t.learner.value(theta, last, descriptor[:, 0])
    adv = torch.zeros(N, T, E)
    for n in range(N):
        for e in range(E):
            ends = data.terminated[n, :, e].nonzero().flatten().tolist()
            starts = [0, *(end + 1 for end in ends)]
            for start, end in zip(starts, [*ends, T - 1], strict=True):
                ended = bool(data.terminated[n, end, e]) if start <= end else True
                then = behind[n, e].item() if cut and not ended else 0.0
                for i in range(start, end + 1):
                    for j in range(i, end + 1):
                        after = value[n, j + 1, e].item() if j < end else then
                        delta = data.rew[n, j, e].item() + gamma * after - value[n, j, e].item()
                        adv[n, i, e] += (gamma * lambda_) ** (j - i) * delta
    return adv


@pytest.mark.parametrize("kind", ["joint", "oracle"])
@pytest.mark.parametrize("bootstrap", [True, False])
def test_advantages_are_those_of_each_episode_on_its_own(kind: str, bootstrap: bool) -> None:
    t = trainer(kind)
    data, query = collected(t, AdvantageEstimator(0.9, 0.8, bootstrap))
    assert data.terminated[:, :-1].sum() > 10
    expected = by_loop(t, data, query, 0.9, 0.8, bootstrap)
    assert isinstance(t.learner, Joint)
    value = t.learner.value(t.state.theta, query.x, query.descriptor)
    torch.testing.assert_close((query.ret - value).view(N, T, E), expected, rtol=0, atol=1e-6)
    normalised = (expected - expected.mean()) / expected.std(correction=0)
    torch.testing.assert_close(query.adv.view(N, T, E), normalised, rtol=0, atol=1e-5)


def test_segments_of_a_body_that_never_falls_are_episodes() -> None:
    """With the same random numbers, behind the one that segments draw for their later starts."""
    t = trainer(reached=None)
    data, query = collected(t)
    family, generator = t.family, torch.Generator().manual_seed(1)
    torch.randint(2**62, (), generator=generator)
    policy = _policy(t)
    episodes = family.experience(family.sample(N, "train", torch.Generator().manual_seed(0)), policy, E, generator)
    for name, a, b in zip(data._fields[:-1], data[:-1], episodes[:-1], strict=True):  # points have no results
        assert torch.equal(a, b), name
    assert torch.equal(data.returns, episodes.returns)
    assert query.alive.all()
    assert query.alive.shape == (1, N * T * E, 1)
    assert torch.equal(query.x[0, :, 0].view(N, T, E, 2), episodes.obs)


def _policy(t: Trainer) -> SharedPolicy:
    theta = t.state.theta
    return SharedPolicy(t.learner, theta, t.learner.initial_state(theta), None)


def test_another_episode_of_the_same_task_follows_at_once() -> None:
    """After a step that reaches its goal a point is somewhere else; rewards are those of the same goal throughout."""
    t = trainer()
    data, query = collected(t)
    goal = t.family.worlds(t.family.sample(N, "train", torch.Generator().manual_seed(0)), E).goal[
        :, None
    ]  # [N, 1, E, 2]
    moved = data.obs + (data.act / 10).clamp(-0.1, 0.1)
    torch.testing.assert_close(data.rew, -(moved - goal).norm(dim=-1))  # that of the last step too
    follows = torch.cat([data.obs[:, 1:], data.last_obs[:, None]], 1)
    torch.testing.assert_close(follows[~data.terminated], moved[~data.terminated])
    assert ((moved - goal).abs() < 0.2).all(-1).equal(data.terminated)
    jumps = (follows - moved).norm(dim=-1)[data.terminated]
    assert (jumps > 1e-3).all()
    assert len(jumps.unique()) == len(jumps)  # each at a start of its own
    assert data.alive.all()
    assert query.alive.all()


def test_returns_are_those_of_the_first_episodes() -> None:
    data, _ = collected(trainer())
    for n in range(N):
        for e in range(E):
            ends = [*data.terminated[n, :, e].nonzero().flatten().tolist(), T - 1]
            assert data.returns[n, e].item() == pytest.approx(data.rew[n, : ends[0] + 1, e].sum().item(), rel=1e-5)


def test_later_starts_are_the_same_in_whichever_process_a_task_is() -> None:
    """Two processes have two tasks each, of which others end at other times; all ends with the same random numbers."""
    family, shift = points(0.35), torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)[:, None]
    tasks = family.sample(N, "train", torch.Generator().manual_seed(0))
    tasks = Tasks(tasks.names, tasks.values + 5 * shift)  # goals that are never reached
    t = trainer()
    whole = torch.Generator().manual_seed(1)
    both = family.segments(tasks, _policy(t), E, whole)
    assert both.terminated[:2].sum() == 0
    assert both.terminated[2:].sum() > 5
    for first in (0, 2):
        own = rng.shard_generator(torch.Generator().manual_seed(1), first, first + 2, N)
        part = family.segments(tasks.chosen(slice(first, first + 2)), _policy(t), E, own)
        for name, a, b in zip(part._fields[:-1], part[:-1], both[:-1], strict=True):
            torch.testing.assert_close(a, b[first : first + 2], msg=name)
        assert torch.equal(own.get_state(), whole.get_state())


def test_a_diverged_world_starts_anew_and_nothing_is_learned_from_that_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the last step, and whatever it observed: NaN."""
    step, at = PointWorlds.step, [0]

    def diverging(self: PointWorlds, act: Tensor) -> Any:
        obs, rew, terminated, diverged = step(self, act)
        obs, rew, diverged = obs.clone(), rew.clone(), diverged.clone()
        for n, when in ((1, 5), (2, T)):
            if at[0] + 1 == when:
                obs[n, 2], rew[n, 2], diverged[n, 2] = torch.nan, torch.nan, True
        at[0] += 1
        return obs, rew, terminated, diverged

    t = trainer()
    monkeypatch.setattr(PointWorlds, "step", diverging)
    data, query = collected(t)
    alive = query.alive.view(N, T, E)
    assert (~alive).nonzero().tolist() == [[1, 4, 2], [2, T - 1, 2]]
    assert data.terminated[1, 4, 2]
    assert data.terminated[2, T - 1, 2]
    assert data.diverged.nonzero().tolist() == [[1, 2], [2, 2]]
    assert not data.rew[1, 4, 2]
    assert all(x.isfinite().all() for x in query)
    assert not query.adv.view(N, T, E)[~alive].any()
    at[0] = 0
    metrics = t.iterate()
    assert metrics["diverged"] == 2
    assert "skipped" not in metrics


def test_a_family_without_segments_gives_episodes() -> None:
    """And one without descriptors has none to observe; what is behind the end of an episode is not alive."""
    t = Trainer(settings.parse(CONFIG), family=Guess())
    assert not hasattr(t.family, "segments")
    assert "skipped" not in t.iterate()

    class Plain:
        descriptor_names = ()

        def __getattr__(self, name: str) -> Any:
            if name == "segments":
                raise AttributeError(name)
            return getattr(points(), name)

    t = Trainer(settings.parse(CONFIG), family=Plain())  # type: ignore[arg-type]
    data, query = collected(t)
    assert not data.alive.all()
    assert torch.equal(query.alive.view(N, T, E), data.alive)
    assert query.descriptor.shape[-1] == 0
    assert "skipped" not in t.iterate()


def test_minibatches_cover_every_step_once_an_epoch() -> None:
    t = trainer(num_epochs=2, minibatches=3)
    tasks = t.family.sample(N, "train", torch.Generator().manual_seed(0))
    episode = collect_segments(
        t.learner, t.state.theta, t.family, tasks, E, t.advantage, torch.Generator().manual_seed(1)
    ).episode
    epochs = [list(epoch) for epoch in t.outer.minibatches(episode, seed=1)]
    assert [len(parts) for parts in epochs] == [3, 3]
    assert {part.query.x.shape for epoch in epochs for part, _ in epoch} == {(1, N * T * E // 3, 1, 2)}
    logp = episode.query.logp.flatten()
    assert len(logp.unique()) == len(logp)  # each step is known by it
    orders = [torch.cat([part.query.logp.flatten() for part, _ in parts]) for parts in epochs]
    assert all(torch.equal(order.sort().values, logp.sort().values) for order in orders)
    assert not torch.equal(*orders)
    part = epochs[0][0][0].query  # all of a step stays together
    where = [int((logp == p).nonzero()) for p in part.logp.flatten()]
    for name, x, whole in zip(part._fields, part, episode.query, strict=True):
        assert torch.equal(x, whole[:, where]), name


def test_a_robot_that_falls_stands_again_and_the_others_go_on() -> None:
    """A hopper under random actions falls; worlds that have not are as they would be without the fall of others."""
    family = TASKS["locomotion"](robot="hopper", vary={"velocity": 1.0}, horizon=40, action_scale=1.0).build(  # type: ignore[call-arg]
        Simulation(1, "cpu", "cpu", False)
    )
    tasks = family.sample(2, "train", torch.Generator().manual_seed(0))
    acts = 2 * torch.randn(40, 2, 3, family.space.act, generator=torch.Generator().manual_seed(5))

    def follow() -> Any:
        steps = iter(acts)

        def policy(obs: Tensor, generator: torch.Generator) -> Any:
            act = next(steps)
            return Action(act, act[..., 0], act, act)

        return policy

    segments = family.segments(tasks, follow(), 3, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    torch.randint(2**62, (), generator=generator)
    episodes = family.experience(tasks, follow(), 3, generator)
    assert segments.terminated.sum() > 3
    first = (episodes.terminated.cumsum(1) - episodes.terminated.long()) == 0  # [N, T, E] of the first episodes
    for name in ("obs", "rew", "terminated"):
        assert torch.equal(getattr(segments, name)[first], getattr(episodes, name)[first]), name
    anew = segments.terminated[:, :-1]
    assert torch.allclose(segments.obs[:, 1:][anew], segments.obs[:, :1].expand(-1, 39, -1, -1)[anew], atol=0.02)
