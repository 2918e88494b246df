"""Small configs and runs that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.system import rendering

os.environ.setdefault("MUJOCO_GL", rendering.working() or "disabled")  # before any test imports mujoco

SMALL: dict[str, Any] = {
    "train.iterations": 2,
    "train.num_tasks": 3,
    "train.episodes": 2,
    "train.num_threads": 1,
}

OWN: dict[str, dict[str, Any]] = {  # of tasks without a horizon, most of them without a policy
    "bandit": {"tasks.pulls": 5, "policy.hidden": [8]},
    "fewshot": {"tasks.data": "glyphs", "tasks.way": 3, "tasks.query": 2},
    "sinusoid": {"tasks.shot": 3},
    "copy": {"tasks.length": 3},
}

WIDE: dict[str, dict[str, Any]] = {  # of what is slow on few images already, and of minibatches larger than all steps
    "siamese_koch": {"tasks.way": 2, "tasks.query": 1, "train.num_tasks": 1},
    "siamese_lake": {"tasks.resize": "nearest"},
    "sb3_ppo_robot": {"outer.batch_size": 20, "outer.n_epochs": 2},
    "sac_robot": {"outer.learning_starts": 30, "outer.batch_size": 8, "outer.replay_size": 100},
    "pearl_robot": {
        "train.episodes": 1,
        "learner.encoder": [8],
        "outer.batch_size": 8,
        "outer.context_size": 6,
        "outer.updates": 4,
        "outer.collected_tasks": 2,
        "outer.initial_episodes": 1,
        "outer.replay_size": 100,
    },
    "recurrent_sac_robot": {
        "learner.hidden": 8,
        "outer.batch_size": 4,
        "outer.length": 6,
        "outer.burn_in": 3,
        "outer.updates": 3,
        "outer.replay_size": 1000,
    },
    "mann_omniglot": {"tasks.shot": 3, "learner.hidden": 8},
    "prototypical_images": {"tasks.size": 28, "tasks.channels": 1},
}


def smaller(name: str) -> dict[str, Any]:
    """Overrides that make a shipped config quick: the horizon is 10 steps, and images are glyphs."""
    raw = settings.read_yaml(settings.find(name))
    acting = {"tasks.horizon": 10, "policy.hidden": [8]}
    own = OWN.get(raw["tasks"].get("kind"), acting) | WIDE.get(name, {})
    few = {"outer.minibatches": 2} if "minibatches" in raw["outer"] else {}
    return SMALL | own | few


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def small() -> Callable[..., Config]:
    """A shipped config made small enough for a test."""

    def make(name: str, **overrides: Any) -> Config:
        changes = smaller(name) | {k.replace("__", "."): v for k, v in overrides.items()}
        return settings.load(settings.find(name), changes)

    return make


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run commands in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
