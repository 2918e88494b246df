"""What learning costs: a meta-iteration beside the bare simulation of its steps, and RL^2 beside recurrent PPO."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from rich.table import Table

from envs.gym import TaskVectorEnv
from envs.locomotion import Locomotion
from envs.sb3 import TaskVecEnv
from metarl import config as settings
from metarl.bench import Phase, bare_stepping, median_rates
from metarl.train import Trainer, usable_cores

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
        "tasks": {"kind": "named", "name": "HalfCheetahDirection", "horizon": STEPS},
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
    if importlib.util.find_spec("sb3_contrib"):
        assert isinstance(trainer.family, Locomotion)
        ways["sb3-contrib RecurrentPPO"] = _recurrent_ppo(trainer.family)
    return median_rates(ways, ENVS * STEPS, repeats)


def _recurrent_ppo(family: Locomotion) -> Phase:
    from sb3_contrib import RecurrentPPO  # nobody's requirement: compared with where it is

    model = RecurrentPPO(
        "MlpLstmPolicy",
        TaskVecEnv(TaskVectorEnv(family, ENVS, max_episode_steps=STEPS)),
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
