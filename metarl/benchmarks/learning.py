"""What learning costs: a meta-iteration beside the bare simulation of its steps, and RL^2 beside recurrent PPO."""

from __future__ import annotations

import importlib.util
from typing import Any

import gymnasium
import torch
from rich.table import Table
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecMonitor

from envs.gym.sb3 import TaskVecEnv
from envs.gym.vector import TaskVectorEnv
from envs.locomotion.family import Locomotion
from metarl.benchmarks.simulation import Phase, bare_stepping, median_rates
from metarl.config import files as settings
from metarl.training.trainer import Trainer, usable_cores

ITERATIONS = {  # how the outer step is called: its config
    "ProMP's outer step (PPO, 5 epochs)": "maml_cheetah_direction",
    "TRPO (10 iterations of conjugate gradient)": "maml_trpo_cheetah_direction",
}
ENVS, STEPS, EPOCHS, UNITS = 16, 200, 4, 64  # of recurrent PPO: the fastest setting found for sb3-contrib's


def bench_learn(repeats: int, threads: int) -> dict[str, Any]:
    """Seconds of whole iterations and of the bare simulation of their steps, by outer step; and control steps a second
    of RL^2 and of sb3-contrib's RecurrentPPO, where it is installed. What is compared is interleaved."""
    threads = threads or usable_cores()
    iterations = {name: _iteration(config, repeats, threads) for name, config in ITERATIONS.items()}
    return {"iterations": iterations, "recurrent": _recurrent(repeats, threads)}


def _iteration(config: str, repeats: int, threads: int) -> dict[str, float]:
    trainer = Trainer(settings.load(settings.find(config), {"train.num_threads": threads}))
    family, size = trainer.family, trainer.config.train
    assert isinstance(family, Locomotion)
    generator = torch.Generator().manual_seed(0)
    tasks = family.sample(size.num_tasks, "train", generator)
    actions = torch.randn(family.horizon, size.num_tasks, size.episodes, family.space.act, generator=generator)
    once = bare_stepping(family, tasks, size.episodes, actions)
    batches = trainer.learner.rounds + 1

    def bare() -> None:
        for _ in range(batches):
            once()

    def whole() -> None:
        trainer.iterate()

    steps = batches * actions[..., 0].numel()
    rates = median_rates({"bare": bare, "whole": whole}, steps, repeats)
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

    def ours() -> None:
        trainer.iterate()

    ways: dict[str, Phase] = {"RL^2 with an LSTM": ours}
    if not importlib.util.find_spec("sb3_contrib"):
        return median_rates(ways, ENVS * STEPS, repeats)
    assert isinstance(trainer.family, Locomotion)
    processes = SubprocVecEnv([EitherWay] * ENVS, start_method="fork")
    try:
        ways["sb3-contrib RecurrentPPO in our worlds"] = _recurrent_ppo(
            TaskVecEnv(TaskVectorEnv(trainer.family, ENVS, max_episode_steps=STEPS))
        )
        ways["the same in gymnasium's worlds, SubprocVecEnv"] = _recurrent_ppo(VecMonitor(processes))
        return median_rates(ways, ENVS * STEPS, repeats)
    finally:
        processes.close()


class EitherWay(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Gymnasium's half-cheetah, to run forwards or backwards, drawn with every episode."""

    def __init__(self) -> None:
        told = {"exclude_current_positions_from_observation": False}
        made = gymnasium.make("HalfCheetah-v5", max_episode_steps=STEPS, **told)
        super().__init__(made)
        self.way = 1.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        found = super().reset(seed=seed, options=options)
        self.way = float(self.np_random.choice((-1.0, 1.0)))
        return found

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        seen, _, terminated, truncated, info = super().step(action)
        return seen, self.way * info["x_velocity"] + info["reward_ctrl"], terminated, truncated, info


def _recurrent_ppo(env: VecEnv) -> Phase:
    from sb3_contrib import RecurrentPPO  # nobody's requirement: compared with where it is

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


def tables(found: dict[str, Any], threads: int, repeats: int) -> list[Table]:
    """The results for reading."""
    how = f"{threads or usable_cores()} threads, median of {repeats}"
    iterations = Table(title=f"a meta-iteration of MAML on half-cheetah, {how}")
    for header in ("outer step", "control steps", "bare simulation, s", "whole iteration, s", "ratio"):
        iterations.add_column(header, justify="left" if header == "outer step" else "right")
    for name, row in found["iterations"].items():
        cells = [f"{row['steps']:,}", *(f"{row[k]:.2f}" for k in ("bare", "whole", "ratio"))]
        iterations.add_row(name, *cells)
    recurrent = Table(title=f"half-cheetah, {ENVS} worlds, {STEPS} steps, {EPOCHS} epochs, LSTM of {UNITS}, {how}")
    recurrent.add_column("learner")
    recurrent.add_column("control steps/s", justify="right")
    for name, rate in found["recurrent"].items():
        recurrent.add_row(name, f"{rate:,}")
    return [iterations, recurrent]
