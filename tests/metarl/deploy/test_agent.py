"""An agent acts as the evaluator's own policies do, in environments that the evaluator does not know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

import metarl
from agents.records import Context
from agents.registry import LEARNERS
from envs.core import Action, Policy, Tasks, Trajectories
from envs.gym import TaskEnv, TaskVectorEnv
from envs.point import PointNavigation
from metarl.config import files as settings
from metarl.deploy import Agent
from metarl.deploy import agent as agents_of_deploy
from metarl.deploy.acting import AdaptedActor
from metarl.errors import UserError
from metarl.runs.run import Run
from metarl.training.collect import collect_rollouts, context_of
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy
from tests.metarl.deploy.small_runs import RUNS, SMALL, save

SmallRun = Callable[[str], Run]
HORIZON = 6
TASKS = Tasks(("goal_x", "goal_y"), torch.tensor([[0.3, -0.2], [-0.4, 0.1], [0.25, 0.45]]).double())
POINTS = [name for name in RUNS if "bandit" not in name]
ADAPTING = [name for name in POINTS if name.startswith(("maml", "cavia", "reptile", "lstm_meta", "metanet"))]
RECURRENT = [
    n
    for n in POINTS
    if n.startswith(("gru", "hyper", "rma", "mann", "ntm", "snail", "transformer", "varibad")) or n == "lstm"
]
TOLD = ("oracle", "sb3_ppo")


def point() -> PointNavigation:
    return PointNavigation(HORIZON)


def single(task: Tasks) -> TaskEnv:
    env = TaskEnv(point())
    env.tasks = task
    return env


def batch(family: PointNavigation | None = None, mode: AutoresetMode = AutoresetMode.SAME_STEP) -> TaskVectorEnv:
    env = TaskVectorEnv(family or point(), 3, max_episode_steps=HORIZON, autoreset_mode=mode)
    env.tasks = TASKS
    return env


class Recorded(PointNavigation):
    """Gives the evaluator episodes that were recorded, and keeps the policies that it acts with."""

    def __init__(self, rounds: list[Trajectories]) -> None:
        super().__init__(HORIZON)
        self.rounds, self.policies = rounds, list[Any]()

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        self.policies.append(policy)
        if len(self.policies) <= len(self.rounds):
            return self.rounds[len(self.policies) - 1]
        return super().experience(tasks, policy, episodes, generator)


def evaluators_policy(agent: Agent, tasks: Tasks, rounds: list[Trajectories]) -> AdaptedPolicy:
    """What the evaluator acts with after adaptation on the same episodes."""
    family = Recorded(rounds)
    plan = (*(r.rew.shape[2] for r in rounds), 1)
    parts = (agent.trained.learner, agent.trained.theta, family, tasks, plan, agent.trained.advantage)
    collect_rollouts(*parts, torch.Generator().manual_seed(0), greedy=1)  # type: ignore[arg-type]  # a family
    policy: AdaptedPolicy = family.policies[-1]
    return policy


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[Trajectories]:
    """The episodes of every round of adaptation."""
    played: list[Trajectories] = []
    play = agents_of_deploy.play_round

    def recording(*arguments: Any) -> Trajectories:
        played.append(play(*arguments))
        return played[-1]

    monkeypatch.setattr(agents_of_deploy, "play_round", recording)
    return played


def unit(policy_action: Tensor) -> np.ndarray[Any, Any]:
    """Policy actions of a point in [-1, 1]: 10 policy units are 1 m, and a step is at most 0.1 m."""
    return policy_action.clamp(-1, 1).numpy()


def test_every_learner_that_acts_has_a_run_here() -> None:
    acting = {name for name in LEARNERS.names() if "actions" in LEARNERS[name].accepts}
    assert acting == {name.split(",")[0] for name in RUNS}


@pytest.mark.parametrize("name", ADAPTING)
@pytest.mark.parametrize("worlds", [1, 3])
def test_adaptation_on_the_same_episodes_gives_the_evaluators_phi_and_actions(
    name: str, worlds: int, small_run: SmallRun, rounds: list[Trajectories]
) -> None:
    agent = metarl.load(small_run(name).path)
    tasks = TASKS.chosen(slice(worlds))
    returns = agent.adapt(single(tasks) if worlds == 1 else batch(), episodes=5)
    assert len(returns) == 5
    assert [r.rew.shape for r in rounds] == [(worlds, HORIZON, 2), (worlds, HORIZON, 2), (worlds, HORIZON, 1)]
    policy = evaluators_policy(agent, tasks, rounds)
    assert policy.phi.keys() == agent.actor.phi.keys()  # type: ignore[attr-defined]  # of a learner that adapts
    for key, value in policy.phi.items():
        torch.testing.assert_close(agent.actor.phi[key], value, rtol=0, atol=1e-6)  # type: ignore[attr-defined]
    obs = torch.randn(worlds, 2, generator=torch.Generator().manual_seed(1))
    want = unit(policy(obs[:, None], torch.Generator()).act[:, 0])
    got = agent.act(obs.numpy()) if worlds > 1 else agent.act(obs[0].numpy())[None]
    np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("reached", [0.01, 0.4], ids=["to the horizon", "ended early"])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_episodes_are_those_of_the_family_for_the_same_actions(
    reached: float, mode: AutoresetMode, small_run: SmallRun, rounds: list[Trajectories]
) -> None:
    """Observations, rewards and their ends, from a Gymnasium environment and from the family itself."""
    family = PointNavigation(HORIZON, reached=reached)
    metarl.load(small_run("maml").path).adapt(batch(family, mode), episodes=2)
    taken = iter(rounds[0].act.transpose(0, 1))

    def again(obs: Tensor, generator: torch.Generator) -> Action:
        act = next(taken)
        return Action(act, act[..., 0], act, act)

    want = family.experience(TASKS, again, 2, torch.Generator())
    assert want.alive.all() == (reached < 0.1)
    for field in ("rew", "alive", "terminated", "diverged"):
        torch.testing.assert_close(getattr(rounds[0], field), getattr(want, field), rtol=0, atol=1e-6)
    torch.testing.assert_close(rounds[0].obs[want.alive], want.obs[want.alive], rtol=0, atol=1e-6)


def evaluated(agent: Agent, family: PointNavigation, episodes: int, tasks: Tasks = TASKS) -> list[Trajectories]:
    """Greedy episodes of the evaluator's own policies, one after the other in the same task."""
    trained = agent.trained
    if trained.learner.is_recurrent:
        policy: Any = RecurrentPolicy(trained.learner, trained.theta, (len(tasks), 1), 2, greedy=1)  # type: ignore[arg-type]
    else:
        told = family.descriptor(tasks) if trained.learner.observes_task else None
        assert isinstance(agent.actor, AdaptedActor)
        start = {k: v[0] for k, v in agent.actor.phi.items()}  # before adaptation, with the noise of what is sampled
        phi = {k: v.expand(len(tasks), *v.shape) for k, v in start.items()}
        policy = AdaptedPolicy(trained.learner, trained.theta, phi, told, greedy=1)
    done = []
    for _ in range(episodes):
        done.append(family.experience(tasks, policy, 1, torch.Generator().manual_seed(0)))
        if trained.learner.is_recurrent:
            policy.next_episode(done[-1].last_obs)
    return done


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("mode", AutoresetMode)
def test_greedy_actions_in_a_batch_are_the_evaluators(name: str, mode: AutoresetMode, small_run: SmallRun) -> None:
    """Three episodes, whatever begins them: the environment at once, at its next step, or a reset."""
    agent = metarl.load(small_run(name).path, env=(env := batch(mode=mode)))
    agent.reset(task=TASKS.to_json() if name in TOLD else True)
    obs, _ = env.reset()
    for trajectories in evaluated(agent, point(), 3):
        for t in range(HORIZON):
            act = agent.act(obs)
            np.testing.assert_allclose(act, unit(trajectories.act[:, t, 0]), atol=1e-6)
            obs, *came, _ = env.step(act)
            agent.observe(*came)
        if mode == AutoresetMode.NEXT_STEP:  # this action is ignored
            obs, *came, _ = env.step(agent.act(obs))
            agent.observe(*came)
        elif mode == AutoresetMode.DISABLED:
            obs, _ = env.reset(options={"reset_mask": np.ones(3, dtype=bool)})


@pytest.mark.parametrize("name", [name for name in POINTS if name != "pearl"])  # which samples for every episode
def test_greedy_actions_in_one_environment_are_the_evaluators(name: str, small_run: SmallRun) -> None:
    """Episodes that end at different steps, within 0.4 m of the goal along both axes, or are left at the horizon."""
    family = PointNavigation(HORIZON, reached=0.4)
    for world in range(3):
        env = TaskEnv(family)
        env.tasks = TASKS.chosen(slice(world, world + 1))
        agent = metarl.load(small_run(name).path, env=env)
        agent.reset(task=env.tasks.to_json()[0] if name in TOLD else True)
        for trajectories in evaluated(agent, family, 3, env.tasks):
            obs, _ = env.reset()
            agent.reset(task=False)
            for t in torch.nonzero(trajectories.alive[0, :, 0]).flatten().tolist():
                act = agent.act(obs)
                np.testing.assert_allclose(act, unit(trajectories.act[0, t, 0]), atol=1e-6)
                obs, *came, _ = env.step(act)
                agent.observe(*came[:3])


def test_a_sampled_task_lasts_an_episode_and_is_of_all_episodes_before(
    small_run: SmallRun, rounds: list[Trajectories]
) -> None:
    agent = metarl.load(small_run("pearl").path)
    obs = np.array([0.1, 0.2])
    before = agent.act(obs)
    assert np.array_equal(before, agent.act(obs))
    agent.reset(task=False)
    assert not np.array_equal(before, agent.act(obs))
    agent.adapt(single(TASKS.chosen(slice(1))), episodes=3)
    assert [r.rew.shape for r in rounds] == [(1, HORIZON, 1)] * 3
    learner, phi = agent.trained.learner, agent.trained.learner.initial_state(agent.trained.theta)
    for data in rounds:
        phi = learner.adapt(agent.trained.theta, phi, Context(*(x[0] for x in context_of(data))))
    assert isinstance(agent.actor, AdaptedActor)
    for key in ("precision", "weighted"):
        torch.testing.assert_close(agent.actor.phi[key][0], phi[key])
    adapted = agent.act(obs)
    agent.reset(task=False)
    assert not np.array_equal(adapted, agent.act(obs))


@pytest.mark.parametrize("worlds", [1, 3])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_what_follows_the_last_step_is_where_the_episode_ended(
    mode: AutoresetMode, worlds: int, small_run: SmallRun, rounds: list[Trajectories]
) -> None:
    """Not zeros, nor where the next one begins: a point moves by a tenth of its action, also into the goal."""
    env = TaskVectorEnv(PointNavigation(HORIZON, reached=0.4), worlds, max_episode_steps=HORIZON, autoreset_mode=mode)
    env.tasks = TASKS.chosen(slice(worlds))
    metarl.load(small_run("pearl").path, env=env, seed=1).adapt(env, episodes=1)
    steps = context_of(rounds[0])
    assert not steps.alive.all()
    moved = steps.next_x - steps.x
    torch.testing.assert_close(moved[steps.alive], 0.1 * steps.act.clamp(-1, 1)[steps.alive])


def test_a_memory_keeps_what_it_had_when_its_episode_ended(small_run: SmallRun) -> None:
    """Played in a batch, a world that ends early remembers what it does in an environment of its own."""
    family = PointNavigation(HORIZON, reached=0.4)
    path = small_run("gru").path
    agent = metarl.load(path, env=batch(family), seed=1)
    agent.adapt(batch(family), episodes=1)
    together = agent.actor.last  # type: ignore[attr-defined]  # of a memory
    assert (together[:, -1] == 1).all()
    env = batch(family)
    obs, _ = env.reset()
    alone = metarl.load(path, env=env, seed=1)
    over = np.zeros(3, dtype=bool)
    kept = torch.zeros(3, 4)
    for _ in range(HORIZON):
        obs, rew, terminated, truncated, _ = env.step(alone.act(obs, greedy=False))
        alone.observe(rew, terminated, truncated)
        kept = torch.where(torch.from_numpy(over)[:, None], kept, alone.actor.last)  # type: ignore[attr-defined]
        over |= terminated | truncated
    torch.testing.assert_close(together, kept, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_memory_that_played_by_itself_goes_on_from_there(name: str, small_run: SmallRun) -> None:
    """`adapt` with sampled actions forms the memory that acting and observing by hand forms."""
    agents = [metarl.load(small_run(name).path, env=batch(), seed=3) for _ in range(2)]
    agents[0].adapt(batch(), episodes=2)
    env = batch()
    for _ in range(2):
        obs, _ = env.reset()
        agents[1].reset(task=False)
        for _ in range(HORIZON):
            obs, *came, _ = env.step(agents[1].act(obs, greedy=False))
            agents[1].observe(*came)
    obs, _ = env.reset()
    np.testing.assert_allclose(agents[0].act(obs), agents[1].act(obs), atol=1e-6)


@pytest.mark.parametrize("name", ["maml", "gru"])
def test_a_task_that_is_forgotten_leaves_nothing_behind(name: str, small_run: SmallRun) -> None:
    agent = metarl.load(small_run(name).path)
    before = agent.act([0.1, 0.2])
    agent.reset()
    agent.adapt(batch(), episodes=2)
    obs = np.array([[0.1, 0.2]] * 3)
    assert np.abs(agent.act(obs) - before).max() > 1e-4
    agent.reset(task=True)
    np.testing.assert_allclose(agent.act([0.1, 0.2]), before, atol=1e-6)


class Arms(gymnasium.Env[Any, Any]):
    """Five arms, of which the third pays; an environment of somebody else's, whose actions begin at 1."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(5, start=1)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self.pulls = 0
        return np.zeros(1), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.pulls += 1
        return np.zeros(1), float(action == 3), False, self.pulls == 5, {}


def test_discrete_actions_are_numbers_and_their_memory_is_the_evaluators(small_run: SmallRun) -> None:
    env = Arms()
    agent = metarl.load(small_run("gru, bandit").path, env=env)
    assert len(agent.adapt(env)) == agent.trained.learner.rounds
    agent.reset()
    policy = RecurrentPolicy(agent.trained.learner, agent.trained.theta, (1, 1), 5, greedy=1)  # type: ignore[arg-type]
    obs, _ = env.reset()
    for _ in range(5):
        want = policy(torch.zeros(1, 1, 1), torch.Generator()).act[0, 0].argmax().item()
        act = agent.act(obs)
        assert act == want + 1
        obs, reward, *over, _ = env.step(act)
        agent.observe(reward, *over)
        policy.observe_reward(torch.tensor([[reward]]), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1))


def test_sampled_actions_repeat_with_the_seed(small_run: SmallRun) -> None:
    path = small_run("maml").path
    first, again, other = (metarl.load(path, seed=s).act([0.0, 0.1], greedy=False) for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_without_an_environment_actions_are_in_the_units_of_that_of_the_training(tmp_path: Path) -> None:
    small = SMALL | {"outer.minibatches": 1, "learner.bptt_steps": 0}
    run = save(settings.load(settings.find("gru_pendulum"), small), tmp_path / "pendulum" / "1").path
    own, bound = metarl.load(run), metarl.load(run, env=gymnasium.make("Pendulum-v1"))
    assert own.act(np.ones(3)) == bound.act(np.ones(3)) != 0


def test_a_policy_that_does_not_adapt_plays_nothing(small_run: SmallRun) -> None:
    assert metarl.load(small_run("joint").path).adapt(batch(), episodes=3) == []


def test_an_oracle_is_told_by_an_environment_that_tells_it(small_run: SmallRun) -> None:
    """Observations with the task behind them, and the same task told by its numbers."""
    env = TaskVectorEnv(point(), 3, observe_task=True)
    env.tasks = TASKS
    seeing, told = metarl.load(small_run("oracle").path, env=env), metarl.load(small_run("oracle").path)
    told.reset(task=TASKS.to_json())
    obs, _ = env.reset()
    np.testing.assert_allclose(seeing.act(obs), told.act(obs[:, :2]), atol=1e-6)


def test_what_does_not_fit_is_refused_in_a_sentence(small_run: SmallRun) -> None:
    oracle, gru, maml = (metarl.load(small_run(n).path) for n in ("oracle", "gru", "maml"))
    with pytest.raises(UserError, match=r"observes the task and was not told it: call reset\(task=\{\"goal_x\": "):
        oracle.act([0.0, 0.0])
    with pytest.raises(UserError, match="the task lacks goal_y"):
        oracle.reset(task={"goal_x": 0.1})
    with pytest.raises(UserError, match="the tasks have no parameter 'goal_z'"):
        oracle.reset(task={"goal_x": 0.1, "goal_y": 0.1, "goal_z": 0})
    with pytest.raises(UserError, match="does not observe the task"):
        gru.reset(task={"goal_x": 0.1, "goal_y": 0.1})
    gru.act([0.0, 0.0])
    with pytest.raises(UserError, match="learns while it acts: call observe"):
        gru.act([0.0, 0.0])
    gru.observe(0.0, False, False)
    with pytest.raises(UserError, match="observations of 3 worlds, but the policy remembers 1"):
        gru.act(np.zeros((3, 2)))
    maml.adapt(batch(), episodes=1)
    with pytest.raises(UserError, match="observations of 2 worlds, but the policy has adapted to the tasks of 3"):
        maml.act(np.zeros((2, 2)))
    with pytest.raises(UserError, match=r"got observations of shape \(3,\), but .* observes \(2,\)"):
        maml.act(np.zeros(3))
    with pytest.raises(UserError, match="episodes is -1, expected at least 0"):
        maml.adapt(batch(), episodes=-1)
    with pytest.raises(UserError, match="expected a Gymnasium environment"):
        maml.adapt(object(), episodes=1)  # type: ignore[arg-type]  # on purpose
