"""Speed of learning: a meta-iteration relative to bare simulation of its steps, and RL^2 relative to recurrent PPO."""

from __future__ import annotations

import importlib.util
from typing import Any

import gymnasium
import torch
from rich.console import Group
from rich.table import Table
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecMonitor

from envs.gym.sb3 import TaskVecEnv
from envs.gym.vector import TaskVectorEnv
from metarl.benchmarks.simulation import bare_stepping, checked_robot
from metarl.benchmarks.timing import Phase, median_rates
from metarl.config import files as settings
from metarl.evaluation.text_table import titled
from metarl.training.placement import usable_cores
from metarl.training.trainer import Trainer

ITERATIONS = {  # outer step: config
    "ProMP's outer step (PPO, 5 epochs)": "maml_cheetah_direction",
    "TRPO (10 iterations of conjugate gradient)": "maml_trpo_cheetah_direction",
    "PPO with a value function (10 epochs of 8 minibatches)": "oracle_robot",
    "RL^2 with a GRU (4 epochs of 8 minibatches)": "gru_robot",
}
ENVS, STEPS, EPOCHS, UNITS = 16, 200, 4, 64  # of recurrent PPO; chosen: the fastest of sb3-contrib's that was found


def bench_learn(repeats: int, threads: int) -> dict[str, Any]:
    """Seconds of whole iterations and of bare simulation of their steps, by outer step; and control steps per second of
    RL^2 and of sb3-contrib's RecurrentPPO, where it is installed. What is compared is interleaved."""
    threads = threads or usable_cores()
    iterations = {name: _iteration(config, repeats, threads) for name, config in ITERATIONS.items()}
    return {"iterations": iterations, "recurrent": _recurrent(repeats, threads)}


def _iteration(config: str, repeats: int, threads: int) -> dict[str, float]:
    trainer = Trainer(settings.load(settings.find(config), {"train.num_threads": threads}))
    family, size = checked_robot(trainer.family), trainer.config.train
    generator = torch.Generator().manual_seed(0)
    tasks = family.sample(size.num_tasks, "train", generator)
    actions = torch.randn(family.horizon, size.num_tasks, size.episodes, family.space.act, generator=generator)
    bare_round = bare_stepping(family, tasks, size.episodes, actions)
    rounds = trainer.learner.rounds + 1

    def bare() -> None:
        for _ in range(rounds):
            bare_round()

    steps = rounds * actions[..., 0].numel()
    rates = median_rates({"bare": bare, "whole": trainer.iterate}, steps, repeats)
    seconds = {name: steps / rate for name, rate in rates.items()}
    return {"steps": steps, **seconds, "ratio": seconds["whole"] / seconds["bare"]}


def _recurrent(repeats: int, threads: int) -> dict[str, int]:
    changes = {
        "tasks": {"kind": "named", "name": "pearl-cheetah-dir", "horizon": STEPS},
        "learner": {"kind": "lstm", "hidden": UNITS, "rounds": 0},
        "outer.num_epochs": EPOCHS,
        "outer.minibatches": 1,
        "train.num_tasks": ENVS,
        "train.num_threads": threads,
    }
    trainer = Trainer(settings.load(settings.find("lstm_robot"), changes))
    phases: dict[str, Phase] = {"RL^2 with an LSTM": trainer.iterate}
    if not importlib.util.find_spec("sb3_contrib"):
        return median_rates(phases, ENVS * STEPS, repeats)
    processes = SubprocVecEnv([EitherWay] * ENVS, start_method="fork")
    try:
        phases["sb3-contrib RecurrentPPO in our worlds"] = _recurrent_ppo(
            TaskVecEnv(TaskVectorEnv(trainer.family, ENVS, max_episode_steps=STEPS))
        )
        phases["the same in gymnasium's worlds, SubprocVecEnv"] = _recurrent_ppo(VecMonitor(processes))
        return median_rates(phases, ENVS * STEPS, repeats)
    finally:
        processes.close()


class EitherWay(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Gymnasium's half-cheetah, rewarded for running forwards or backwards, which is drawn for every episode."""

    def __init__(self) -> None:
        options = {"exclude_current_positions_from_observation": False}
        super().__init__(gymnasium.make("HalfCheetah-v5", max_episode_steps=STEPS, **options))
        self.way = 1.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        result = super().reset(seed=seed, options=options)
        self.way = float(self.np_random.choice((-1.0, 1.0)))
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        obs, _, terminated, truncated, info = super().step(action)
        return obs, self.way * info["x_velocity"] + info["reward_ctrl"], terminated, truncated, info


def _recurrent_ppo(env: VecEnv) -> Phase:
    from sb3_contrib import RecurrentPPO  # not a requirement: measured where it is installed

    model = RecurrentPPO(
        "MlpLstmPolicy",
        env,
        n_steps=STEPS,
        batch_size=ENVS * STEPS,
        n_epochs=EPOCHS,
        policy_kwargs={
            "lstm_hidden_size": UNITS,
            "net_arch": [64, 64],
            "shared_lstm": True,
            "enable_critic_lstm": False,
        },
        seed=0,
        device="cpu",
    )

    def learn() -> None:
        model.learn(ENVS * STEPS, reset_num_timesteps=False)

    return learn


def tables(found: dict[str, Any], threads: int, repeats: int) -> list[Group]:
    """The results as tables for a terminal."""
    how = f"{threads or usable_cores()} threads, median of {repeats}"
    iterations = Table()
    for header in ("outer step", "control steps", "bare simulation, s", "whole iteration, s", "ratio"):
        iterations.add_column(header, justify="left" if header == "outer step" else "right")
    for name, row in found["iterations"].items():
        cells = [f"{row['steps']:,}", *(f"{row[k]:.2f}" for k in ("bare", "whole", "ratio"))]
        iterations.add_row(name, *cells)
    recurrent = Table()
    recurrent.add_column("learner")
    recurrent.add_column("control steps/s", justify="right")
    for name, rate in found["recurrent"].items():
        recurrent.add_row(name, f"{rate:,}")
    title = f"half-cheetah, {ENVS} worlds, {STEPS} steps, {EPOCHS} epochs, LSTM of {UNITS}, {how}"
    return [titled(iterations, f"a meta-iteration of MAML on half-cheetah, {how}"), titled(recurrent, title)]
