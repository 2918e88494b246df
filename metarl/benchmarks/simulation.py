"""Speed as ratios measured side by side in one run: what our layers cost over bare physics, and what others reach."""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from rich.table import Table
from stable_baselines3.common.vec_env import SubprocVecEnv

from agents.learner import Params
from envs.core import Tasks
from envs.gym.sb3 import TaskVecEnv
from envs.gym.vector import TaskVectorEnv
from envs.locomotion.families import FAMILIES
from envs.locomotion.family import Locomotion
from envs.robots import ROBOTS
from envs.robots.robot import Physics
from metarl.config.schema import Config
from metarl.errors import UserError
from metarl.training.build import build_family, build_learner
from metarl.training.policies import AdaptedPolicy
from metarl.training.trainer import usable_cores

Phase = Callable[[], None]
SECONDS = 0.3  # that one measurement should last
EFFORT = 0.3  # of full torque, of random actions: bodies move, and few fall over


def bench_bodies(worlds: list[int], repeats: int, threads: int) -> list[dict[str, Any]]:
    """Control steps per second of every body, by every way to step it, all interleaved; median of `repeats`.

    For each number of worlds and each physics: `bare`, a loop of `mujoco.batch.Batch.step` that computes the same
    fields and nothing else; `ours`, the worlds that learners meet; `gym` and `sb3`, the faces on them. With stock
    physics also gymnasium's Sync and AsyncVectorEnv, SB3's SubprocVecEnv, and EnvPool where it is installed.
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
    draw = EFFORT * rng.uniform(-1, 1, (20, size, family.space.act)).astype(np.float32)
    ways: dict[str, Phase] = {
        "bare": bare_stepping(family, tasks, 1, torch.from_numpy(draw)[:, :, None]),
        "ours": _interface(family, tasks, 1, torch.from_numpy(draw)[:, :, None]),
        "gym": _stepping(TaskVectorEnv(family, size), draw),
        "sb3": _stepping(TaskVecEnv(TaskVectorEnv(family, size)), draw),
    }
    stock = ROBOTS[robot].gymnasium_id
    if physics == "fast" or stock is None:
        return median_rates(ways, 20 * size, repeats)
    with _others(stock, size, threads) as others:
        ways |= {name: _stepping(env, draw) for name, env in others.items()}
        return median_rates(ways, 20 * size, repeats)


@contextmanager
def _others(stock: str, size: int, threads: int) -> Iterator[dict[str, Any]]:
    """The same body in other people's vectorisations; one process a world up to 64 of them."""
    envs: dict[str, Any] = {"gymnasium sync": gymnasium.make_vec(stock, num_envs=size, vectorization_mode="sync")}
    if size <= 64:
        envs["gymnasium async"] = gymnasium.make_vec(stock, num_envs=size, vectorization_mode="async")
        envs["sb3 subproc"] = SubprocVecEnv([lambda: gymnasium.make(stock)] * size, start_method="fork")
    if importlib.util.find_spec("envpool"):
        envs["envpool"] = _envpool(stock, size, threads)
    try:
        yield envs
    finally:
        for env in envs.values():
            env.close()


def _envpool(stock: str, size: int, threads: int) -> Any:
    import envpool  # type: ignore[import-not-found]  # nobody's requirement: compared with where it is

    name = stock.replace("-v5", "-v4") if stock not in envpool.list_all_envs() else stock
    return envpool.make_gymnasium(name, num_envs=size, num_threads=threads)


def _stepping(env: Any, draw: np.ndarray) -> Phase:
    if isinstance(env, gymnasium.vector.VectorEnv):
        env.reset(seed=0)
    else:
        env.reset()

    def phase() -> None:
        for action in draw:
            env.step(action)

    return phase


def median_rates(ways: dict[str, Phase], taken: int, repeats: int) -> dict[str, int]:
    """Control steps per second; each way is repeated until it lasts long enough to be measured."""
    loops: dict[str, int] = {}
    for name, way in ways.items():
        way()  # warms caches and threads
        start = time.perf_counter()
        way()
        loops[name] = max(1, round(SECONDS / (time.perf_counter() - start)))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(loops[name]):
                way()
            seconds[name].append((time.perf_counter() - start) / loops[name])
    return {name: round(taken / statistics.median(s)) for name, s in seconds.items()}


def bench_simulation(config: Config, worlds: int, repeats: int, threads: int) -> dict[str, Any]:
    """Control steps per second of a config's own family: bare, ours, and with its policy acting; interleaved."""
    config = config.model_copy(update={"train": config.train.model_copy(update={"num_threads": threads})})
    family = build_family(config)
    if not isinstance(family, Locomotion):
        raise UserError("this config has no robot to simulate: bench sim measures locomotion tasks")
    generator = torch.Generator().manual_seed(0)
    num_tasks = max(worlds // config.train.episodes, 1)
    episodes = worlds // num_tasks
    tasks = family.sample(num_tasks, "train", generator)
    actions = torch.randn(family.horizon, num_tasks, episodes, family.space.act, generator=generator)
    ways: dict[str, Phase] = {
        "bare": bare_stepping(family, tasks, episodes, actions),
        "ours": _interface(family, tasks, episodes, actions),
        "policy": _with_policy(config, family, tasks, episodes),
    }
    taken = num_tasks * episodes * family.horizon
    return {
        "robot": family.robot.__name__,
        "physics": getattr(config.tasks, "physics", "fast"),
        "worlds": num_tasks * episodes,
        "steps_per_second": median_rates(ways, taken, repeats),
    }


def bare_stepping(family: Locomotion, tasks: Tasks, episodes: int, actions: torch.Tensor) -> Phase:
    """The same worlds, fields and controls as ours, from the same start, without our step."""
    worlds = family.worlds(tasks, episodes, share=False)
    batch = Batch(family.model, worlds.sim.num_worlds, nthread=family.num_threads)
    for name, values in worlds.params.items():
        batch.expand(name)[:] = values.numpy()
    for name in worlds.sim.bound:
        batch.bind(name)
    batch.set_const()
    worlds.reset(torch.Generator().manual_seed(0))
    qpos, qvel = worlds.sim.qpos.numpy().copy(), worlds.sim.qvel.numpy().copy()
    asked = (actions / family.action_scale).clamp(-1, 1).double().flatten(1, 2)
    controls = [family.robot.control(worlds.body, act).numpy().copy() for act in asked]

    def phase() -> None:
        batch.reset()
        batch.qpos[:], batch.qvel[:] = qpos, qvel
        batch.forward()
        for control in controls:
            batch.ctrl[:] = control
            batch.step(nstep=family.robot.frame_skip)

    return phase


def _interface(family: Locomotion, tasks: Tasks, episodes: int, actions: torch.Tensor) -> Phase:
    worlds = family.worlds(tasks, episodes, share=False)

    def phase() -> None:
        worlds.reset(torch.Generator().manual_seed(0))
        for act in actions:
            worlds.step(act)

    return phase


def _with_policy(config: Config, family: Locomotion, tasks: Tasks, episodes: int) -> Phase:
    learner = build_learner(config, family)
    generator = torch.Generator().manual_seed(0)
    theta: Params = learner.init(generator)
    phi = {k: v.expand(len(tasks), *v.shape).clone() for k, v in learner.initial_state(theta).items()}
    descriptor = family.descriptor(tasks) if learner.observes_task else None

    def phase() -> None:
        family.experience(tasks, AdaptedPolicy(learner, theta, phi, descriptor), episodes, generator)

    return phase


def versions() -> dict[str, str]:
    """Of what was measured."""
    found = {"mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "torch": torch.__version__}
    with suppress(ImportError):
        import envpool

        found["envpool"] = envpool.__version__
    return found


def table(rows: list[dict[str, Any]], threads: int, repeats: int) -> Table:
    """The results for reading: thousands of control steps a second, and our share of bare stepping."""
    names = list(dict.fromkeys(name for row in rows for name in row["steps_per_second"]))
    out = Table(title=f"thousand control steps/s, {threads or usable_cores()} threads, median of {repeats}")
    for column in ("robot", "physics", "worlds", *names, "ours/bare"):
        out.add_column(column, justify="left" if column in ("robot", "physics") else "right")
    for row in rows:
        rates = row["steps_per_second"]
        cells = [f"{rates[n] / 1000:.1f}" if n in rates else "" for n in names]
        out.add_row(row["robot"], row["physics"], str(row["worlds"]), *cells, f"{rates['ours'] / rates['bare']:.2f}")
    return out
