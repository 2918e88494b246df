"""Speed of simulation relative to bare physics and to other vectorised environments, measured side by side.

Axes: `T` steps, `N` tasks, `E` episodes of a task, `W` = N * E worlds, `A` action.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from rich.console import Group
from rich.table import Table

from agents.learner import Params
from envs.core import Tasks
from envs.gym.sb3 import TaskVecEnv
from envs.gym.vector import TaskVectorEnv
from envs.locomotion.families import FAMILIES
from envs.locomotion.family import Locomotion
from envs.robots import ROBOTS
from envs.robots.robot import Physics
from metarl.benchmarks.third_party import stepping, vectorized
from metarl.benchmarks.timing import Phase, median_rates
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.text_table import titled
from metarl.training.build import build_family, build_learner
from metarl.training.placement import usable_cores
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy, as_recurrent

EFFORT = 0.3  # fraction of full torque of random actions; chosen: robots move, and few of them fall
STEPS = 20  # control steps of a phase


def bench_bodies(worlds: list[int], repeats: int, threads: int) -> list[dict[str, Any]]:
    """Control steps per second of every robot by every way to step it, all interleaved; median of `repeats`.

    For each number of worlds and each kind of physics: `bare`, a loop over `mujoco.batch.Batch.step` that computes the
    same fields and nothing else; `ours`, the worlds in which learners act; `gym` and `sb3`, their interfaces to these
    libraries. With stock physics also gymnasium's SyncVectorEnv and AsyncVectorEnv, SB3's SubprocVecEnv, and EnvPool
    where it is installed.
    """
    threads = threads or usable_cores()
    rows = []
    for robot, body in ROBOTS.items():
        kinds: list[Physics] = ["fast", "gymnasium"] if body.gymnasium_id else ["fast"]
        for physics in kinds:
            for size in worlds:
                rates = _rates_of(robot, physics, size, repeats, threads)
                rows.append({"robot": robot, "physics": physics, "worlds": size, "steps_per_second": rates})
    return rows


def _rates_of(robot: str, physics: Physics, size: int, repeats: int, threads: int) -> dict[str, int]:
    options: dict[str, Any] = {"physics": physics, "action_scale": 1.0, "horizon": 1000}
    family = Locomotion(robot, FAMILIES["Direction"].variables(ROBOTS[robot]), num_threads=threads, **options)
    tasks = family.sample(size, "train", torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    actions = EFFORT * rng.uniform(-1, 1, (STEPS, size, family.space.act)).astype(np.float32)
    by_task = torch.from_numpy(actions)[:, :, None]  # [T, N, E=1, A]
    phases: dict[str, Phase] = {
        "bare": bare_stepping(family, tasks, 1, by_task),
        "ours": world_stepping(family, tasks, 1, by_task),
        "gym": stepping(TaskVectorEnv(family, size), actions),
        "sb3": stepping(TaskVecEnv(TaskVectorEnv(family, size)), actions),
    }
    gymnasium_id = ROBOTS[robot].gymnasium_id
    if physics == "fast" or gymnasium_id is None:
        return median_rates(phases, STEPS * size, repeats)
    with vectorized(gymnasium_id, size, threads) as others:
        phases |= {name: stepping(env, actions) for name, env in others.items()}
        return median_rates(phases, STEPS * size, repeats)


def bench_simulation(config: Config, worlds: int, repeats: int, threads: int) -> dict[str, Any]:
    """Control steps per second of a config's tasks, interleaved: bare physics, our worlds, and with its policy acting.

    Raises UserError where the tasks have no robot.
    """
    config = config.model_copy(update={"train": config.train.model_copy(update={"num_threads": threads})})
    family = checked_robot(build_family(config))
    generator = torch.Generator().manual_seed(0)
    num_tasks, episodes = split_worlds(worlds, config.train.episodes)
    tasks = family.sample(num_tasks, "train", generator)
    actions = torch.randn(family.horizon, num_tasks, episodes, family.space.act, generator=generator)
    phases: dict[str, Phase] = {
        "bare": bare_stepping(family, tasks, episodes, actions),
        "ours": world_stepping(family, tasks, episodes, actions),
        "policy": _acting(config, family, tasks, episodes),
    }
    return {
        "robot": family.robot.__name__,
        "physics": family.physics,
        "worlds": num_tasks * episodes,
        "steps_per_second": median_rates(phases, num_tasks * episodes * family.horizon, repeats),
    }


def split_worlds(worlds: int, episodes: int) -> tuple[int, int]:
    """Tasks and episodes of each, exactly so many worlds, with as nearly as possible so many episodes."""
    fitting = [n for n in range(1, worlds + 1) if worlds % n == 0]
    num_tasks = min(fitting, key=lambda n: abs(worlds / n - episodes))
    return num_tasks, worlds // num_tasks


def checked_robot(family: Any) -> Locomotion:
    """The family itself; UserError where it simulates no robot."""
    if not isinstance(family, Locomotion):
        raise UserError("this config has no robot to simulate: bench sim measures locomotion tasks")
    return family


def bare_stepping(family: Locomotion, tasks: Tasks, episodes: int, actions: torch.Tensor) -> Phase:
    """The same worlds, fields and controls from the same state, by MuJoCo alone; actions [T, N, E, A]."""
    worlds = family.worlds(tasks, episodes, share=False)
    batch = Batch(family.model, worlds.sim.num_worlds, nthread=family.num_threads)
    for name, values in worlds.params.items():
        batch.expand(name)[:] = values.numpy()
    for name in worlds.sim.bound:
        batch.bind(name)
    batch.set_const()
    worlds.reset(torch.Generator().manual_seed(0))
    qpos, qvel = worlds.sim.qpos.numpy().copy(), worlds.sim.qvel.numpy().copy()
    scaled = (actions / family.action_scale).clamp(-1, 1).double().flatten(1, 2)  # [T, W, A]
    controls = [family.robot.control(worlds.body, act).numpy().copy() for act in scaled]

    def phase() -> None:
        batch.reset()
        batch.qpos[:], batch.qvel[:] = qpos, qvel
        batch.forward()
        for control in controls:
            batch.ctrl[:] = control
            batch.step(nstep=family.physics_steps)

    return phase


def world_stepping(
    family: Locomotion, tasks: Tasks, episodes: int, actions: torch.Tensor, *, share: bool = False
) -> Phase:
    """Our worlds with given actions [T, N, E, A], on the device of these; `share` is that of `Locomotion.worlds`."""
    worlds = family.worlds(tasks, episodes, share=share)

    def phase() -> None:
        worlds.reset(torch.Generator(actions.device).manual_seed(0))
        for act in actions:
            worlds.step(act)

    return phase


def _acting(config: Config, family: Locomotion, tasks: Tasks, episodes: int) -> Phase:
    learner = build_learner(config, family)
    generator = torch.Generator().manual_seed(0)
    theta: Params = learner.init(generator)
    if recurrent := as_recurrent(learner):
        sizes = (len(tasks), episodes), family.space.act
        return lambda: family.experience(tasks, RecurrentPolicy(recurrent, theta, *sizes), episodes, generator)
    phi = {k: v.expand(len(tasks), *v.shape).clone() for k, v in learner.initial_state(theta).items()}
    descriptor = family.descriptor(tasks) if learner.observes_task else None
    return lambda: family.experience(tasks, AdaptedPolicy(learner, theta, phi, descriptor), episodes, generator)


def versions() -> dict[str, str]:
    """Of the libraries that were measured."""
    found = {"mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "torch": torch.__version__}
    with suppress(ImportError):
        import envpool  # type: ignore[import-not-found]  # not a requirement

        found["envpool"] = envpool.__version__
    return found


def table(rows: list[dict[str, Any]], threads: int, repeats: int) -> Group:
    """Thousands of control steps per second, and the ratio of our worlds to bare physics."""
    names = list(dict.fromkeys(name for row in rows for name in row["steps_per_second"]))
    out = Table()
    for column in ("robot", "physics", "worlds", *names, "ours/bare"):
        out.add_column(column, justify="left" if column in ("robot", "physics") else "right")
    for row in rows:
        rates = row["steps_per_second"]
        cells = [f"{rates[n] / 1000:.1f}" if n in rates else "" for n in names]
        out.add_row(row["robot"], row["physics"], str(row["worlds"]), *cells, f"{rates['ours'] / rates['bare']:.2f}")
    return titled(out, f"thousand control steps/s, {threads or usable_cores()} threads, median of {repeats}")
