"""Speed as ratios measured side by side in one run: what our layers cost over bare physics."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import mujoco
import torch
from mujoco.batch import Batch
from rich.table import Table

from agents.learner import Params
from envs.core import Tasks
from envs.locomotion import Locomotion
from metarl.build import build_family, build_learner
from metarl.collect import Acting
from metarl.errors import UserError
from metarl.schema import Config
from metarl.train import usable_cores

Phase = Callable[[], None]


def bench_simulation(config: Config, worlds: int, steps: int, repeats: int, threads: int) -> dict[str, Any]:
    """Environment steps per second of four ways to step the same family, interleaved, median of `repeats`.

    bare: a loop of `mujoco.batch.Batch.step` with the same per-world parameters and the same controls, nothing else.
    interface: our worlds, with scaled and clipped actions, observation, reward and termination.
    policy: the same with a policy of the config's size acting for each task.
    gymnasium: `AsyncVectorEnv` of the stock environment with stock physics, at one process a thread, as it is
        commonly run, and at sixteen, which hide each other's waiting.
    """
    config = config.model_copy(update={"train": config.train.model_copy(update={"num_threads": threads})})
    family = build_family(config)
    if not isinstance(family, Locomotion):
        raise UserError("this config has no robot to simulate: bench sim measures locomotion tasks")
    generator = torch.Generator().manual_seed(0)
    num_tasks = max(worlds // config.train.episodes, 1)
    episodes = worlds // num_tasks
    tasks = family.sample(num_tasks, "train", generator)
    actions = torch.randn(steps, num_tasks, episodes, family.space.act, generator=generator)
    phases: dict[str, Phase] = {
        "bare": _bare(family, tasks, episodes, actions),
        "interface": _interface(family, tasks, episodes, actions),
        "policy": _with_policy(config, family, tasks, episodes, steps),
    }
    seconds: dict[str, list[float]] = {name: [] for name in phases}
    taken = num_tasks * episodes * steps
    for repeat in range(repeats + 1):
        for name, phase in phases.items():
            start = time.perf_counter()
            phase()
            if repeat:  # the first round warms caches and threads
                seconds[name].append(time.perf_counter() - start)
    rates = {name: taken / statistics.median(s) for name, s in seconds.items()}
    threads = threads or usable_cores()
    for processes in (threads, 16 * threads):
        rates[f"gymnasium x{processes}"] = _gymnasium(family.robot.gymnasium_id, processes, repeats, taken // 40)
    return {
        "worlds": num_tasks * episodes,
        "steps": steps,
        "threads": threads,
        "repeats": repeats,
        "env_steps_per_second": {k: round(v) for k, v in rates.items()},
        "ratios": {
            f"{ours} / {theirs}": round(rates[ours] / rates[theirs], 3)
            for ours in ("interface", "policy")
            for theirs in rates
            if theirs not in ("interface", "policy")
        },
        "versions": {"mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "torch": torch.__version__},
    }


def _bare(family: Locomotion, tasks: Tasks, episodes: int, actions: torch.Tensor) -> Phase:
    """The same worlds and controls as the interface steps, from the same start, without our step."""
    num_worlds = len(tasks) * episodes
    batch = Batch(family.model, num_worlds, nthread=family.num_threads)
    worlds = family.worlds(tasks, episodes)
    for name in ("opt.gravity", "geom_friction"):
        batch.expand(name)[:] = worlds.sim.params(name).numpy()
    batch.set_const()
    worlds.reset(torch.Generator().manual_seed(0))
    qpos, qvel = worlds.sim.qpos.numpy().copy(), worlds.sim.qvel.numpy().copy()
    controls = (actions / family.action_scale).clamp(-1, 1).double().flatten(1, 2).numpy()

    def phase() -> None:
        batch.reset()
        batch.qpos[:], batch.qvel[:] = qpos, qvel
        batch.forward()
        for control in controls:
            batch.ctrl[:] = control
            batch.step(nstep=family.robot.frame_skip)

    return phase


def _interface(family: Locomotion, tasks: Tasks, episodes: int, actions: torch.Tensor) -> Phase:
    worlds = family.worlds(tasks, episodes)

    def phase() -> None:
        worlds.reset(torch.Generator().manual_seed(0))
        for act in actions:
            worlds.step(act)

    return phase


def _with_policy(config: Config, family: Locomotion, tasks: Tasks, episodes: int, steps: int) -> Phase:
    learner = build_learner(config, family)
    generator = torch.Generator().manual_seed(0)
    theta: Params = learner.init(generator)
    phi = {k: v.expand(len(tasks), *v.shape).clone() for k, v in learner.begin(theta).items()}
    descriptor = family.descriptor(tasks) if learner.sees_task else None
    family_steps = family.horizon

    def phase() -> None:
        family.horizon = steps
        family.experience(tasks, Acting(learner, theta, phi, descriptor), episodes, generator)
        family.horizon = family_steps

    return phase


def _gymnasium(name: str, processes: int, repeats: int, taken: int) -> float:
    """Environment steps per second of gymnasium's own vectorisation, one environment a process, `taken` a time."""
    steps = max(taken // processes, 1)
    env = gymnasium.make_vec(name, num_envs=processes, vectorization_mode="async")
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() * 0.1 for _ in range(steps)]
    rates = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for action in actions:
            env.step(action)
        rates.append(processes * steps / (time.perf_counter() - start))
    env.close()
    return statistics.median(rates[1:])


def table(result: dict[str, Any]) -> Table:
    """The result for reading."""
    out = Table(title=f"{result['worlds']} worlds, {result['threads']} threads, median of {result['repeats']}")
    out.add_column("way")
    out.add_column("env-steps/s", justify="right")
    out.add_column("of bare", justify="right")
    rates = result["env_steps_per_second"]
    for name, rate in rates.items():
        out.add_row(name, f"{rate:,}", f"{rate / rates['bare']:.2f}")
    return out
