"""Runs of every learner that acts, trained for two iterations on the smallest tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.runs import checkpoint
from metarl.runs.run import Run
from metarl.training.trainer import Trainer

SMALL: dict[str, Any] = {
    "tasks.horizon": 6,
    "policy.hidden": [8],
    "policy.last_gain": 1.0,  # actions that are not all near 0
    "train.iterations": 2,
    "train.num_tasks": 3,
    "train.episodes": 2,
    "train.num_threads": 1,
}
SINGLE_STEPS = {"outer.minibatches": 2}
MEMORY = ("gru_point", {"outer.minibatches": 1, "learner.hidden": 8})
EXTERNAL = MEMORY[1] | {"learner.locations": 6, "learner.width": 4}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {  # what it is called -> a shipped config, and what is changed in it
    "maml": ("maml_point", {"learner.rounds": 1}),
    "maml, two rounds": ("maml_point", {"learner.rounds": 2, "learner.inner_lr_decay": 0.5}),
    "maml, hierarchical baseline": ("maml_point", {"advantage.baseline": "hierarchical"}),
    "maml, normalized": ("maml_point", {"learner.normalize_inputs": True}),
    "cavia": ("cavia_point", {}),
    "reptile": ("maml_point", {"learner": {"kind": "reptile"}, "outer": {"kind": "gradient"}}),
    "lstm_meta_learner": ("lstm_meta_learner_point", {}),
    "metanet": ("metanet_point", {}),
    "gru": MEMORY,
    "gru, reset each episode": (
        "gru_point",
        MEMORY[1] | {"learner.memory_reset": "episode", "learner.trial_unit": "episodes"},
    ),
    "lstm": ("gru_point", MEMORY[1] | {"learner.kind": "lstm"}),
    "hypernetwork": ("gru_point", MEMORY[1] | {"learner.kind": "hypernetwork"}),
    "hypernetwork, splagger": ("gru_point", MEMORY[1] | {"learner.kind": "hypernetwork", "learner.split_max": True}),
    "rma": ("gru_point", MEMORY[1] | {"learner.kind": "rma", "learner.latent": 3, "learner.teacher": [4]}),
    "varibad": ("gru_point", MEMORY[1] | {"learner.kind": "varibad", "learner.latent": 3, "learner.decoder": [4]}),
    "sac": (
        "gru_point",
        {
            "policy": {"hidden": [8], "last_gain": 1.0},
            "advantage": {"gamma": 0.9},
            "learner": {"kind": "sac"},
            "outer": {"kind": "off_policy", "learning_starts": 20, "batch_size": 8, "replay_size": 50},
        },
    ),
    "pearl": (
        "gru_point",
        {
            "policy": {"hidden": [8], "last_gain": 1.0},
            "advantage": {"gamma": 0.9},
            "learner": {"kind": "pearl", "latent": 2, "encoder": [6]},
            "outer": {
                "kind": "meta_off_policy",
                "updates": 3,
                "meta_batch": 2,
                "batch_size": 8,
                "context_size": 5,
                "collected_tasks": 2,
                "initial_episodes": 1,
                "replay_size": 50,
            },
            "train.episodes": 1,
        },
    ),
    "recurrent_sac": (
        "gru_point",
        {
            "policy": {"hidden": [8], "last_gain": 1.0},
            "advantage": {"gamma": 0.9},
            "learner": {"kind": "recurrent_sac", "hidden": 8},
            "outer": {
                "kind": "recurrent_off_policy",
                "updates": 3,
                "batch_size": 4,
                "length": 4,
                "burn_in": 2,
                "replay_size": 1000,
            },
        },
    ),
    "mann": ("mann_point", EXTERNAL | {"learner.reads": 2}),
    "ntm": ("ntm_point", EXTERNAL),
    "snail": (
        "gru_point",
        {"outer.minibatches": 1, "learner": {"kind": "snail", "filters": 4, "keys": 4, "length": 5}},
    ),
    "transformer": (
        "gru_point",
        {"outer.minibatches": 1, "learner": {"kind": "transformer", "hidden": 8, "heads": 2, "length": 5}},
    ),
    "joint": ("gru_point", SINGLE_STEPS | {"learner": {"kind": "joint"}}),
    "oracle": ("gru_point", SINGLE_STEPS | {"learner": {"kind": "oracle"}}),
    "sb3_ppo": (
        "gru_point",
        {"learner": {"kind": "sb3_ppo"}, "outer": {"kind": "sb3_ppo", "batch_size": 20, "n_epochs": 2}},
    ),
    "gru, bandit": ("gru_bandit", {"outer.minibatches": 1, "tasks.horizon": None, "tasks.pulls": 5}),
}


def config_of(name: str) -> Config:
    """The config of one of `RUNS`; a key without a value is left out."""
    shipped, own = RUNS[name]
    overrides = {k: v for k, v in (SMALL | own).items() if v is not None}
    return settings.load(settings.find(shipped), overrides)


def train(name: str, path: Path) -> Run:
    """The run of one of `RUNS` in an empty folder."""
    return save(config_of(name), path)


def save(config: Config, path: Path) -> Run:
    """Two iterations of a config."""
    path.mkdir(parents=True)
    trainer = Trainer(config)
    for _ in range(2):
        trainer.iterate()
    checkpoint.save(path / "checkpoints", trainer.state)
    (path / "command.txt").write_text("metarl train\n")
    (path / "environment.json").write_text('{"commit": "abc"}')
    (path / "config.yaml").write_text(settings.dump(config))
    assert yaml.safe_load((path / "config.yaml").read_text())
    return Run(path)
