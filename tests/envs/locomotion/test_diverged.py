"""Worlds that diverge end alone, are flagged at once, and never return NaN or infinity."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.named import build_family
from envs.robots import ROBOTS

WORLDS = 32  # odd ones are corrupted, even ones never


FATAL = (math.nan, math.inf, -math.inf, 1e12, -1e200)


def corrupted(worlds: LocomotionWorlds, act: Tensor, rng: np.random.Generator) -> tuple[Tensor, set[int]]:
    """Actions and states with NaN, infinity or large numbers in some odd worlds, and which of these must diverge."""
    act, fatal = act.clone(), set()
    for w in rng.choice(np.arange(1, WORLDS, 2), 3, replace=False).tolist():
        match rng.integers(5):
            case 0:
                act[w, 0, rng.integers(act.shape[2])] = math.nan
                fatal.add(w)
            case 1:
                act[w, 0] = float(rng.choice([math.inf, -math.inf, 1e30]))  # clipped to full torque
            case 2:
                worlds.sim.qvel[w, rng.integers(worlds.sim.qvel.shape[1])] = float(rng.choice(FATAL))
                fatal.add(w)
            case 3:
                worlds.sim.qpos[w, rng.integers(worlds.sim.qpos.shape[1])] = float(rng.choice(FATAL))
                fatal.add(w)
            case _:
                worlds.sim.qvel[w] *= 1e3  # extreme, may diverge or not
    return act, fatal


def fuzz(robot: str, steps: int) -> int:
    """Corrupted worlds beside a clean copy of the even ones; returns the number of divergences that were flagged."""
    family = Locomotion(robot, build_family(f"{ROBOTS[robot].__name__}Direction").variables, action_scale=1.0)
    tasks = family.sample(WORLDS, "train", torch.Generator().manual_seed(0))
    ours, clean = (family.worlds(tasks, 1, share=False) for _ in range(2))
    for worlds in (ours, clean):
        worlds.reset(torch.Generator().manual_seed(1))
    rng, count = np.random.default_rng(0), 0
    for _ in range(steps):
        act = torch.from_numpy(rng.uniform(-1, 1, (WORLDS, 1, family.space.act)))
        corrupted_act, fatal = corrupted(ours, act, rng)
        obs, rew, terminated, diverged = ours.step(corrupted_act)
        clean_obs, clean_rew, clean_terminated, clean_diverged = clean.step(act)
        flagged = set(diverged[:, 0].nonzero().flatten().tolist())
        assert fatal <= flagged
        assert not any(w % 2 == 0 for w in flagged)
        assert obs.isfinite().all()
        assert rew[~diverged].isfinite().all()
        assert torch.equal(obs[::2], clean_obs[::2])
        assert torch.equal(rew[::2], clean_rew[::2])
        assert torch.equal(terminated[::2], clean_terminated[::2])
        assert not clean_diverged.any()
        count += len(flagged)
    return count


@pytest.mark.parametrize("robot", ROBOTS)
def test_nan_and_infinity_only_affect_their_own_world_and_are_flagged_at_once(robot: str) -> None:
    assert fuzz(robot, 60) > 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("robot", ROBOTS)
def test_a_million_steps_with_nan_and_infinity_only_affect_their_own_worlds(robot: str) -> None:
    assert fuzz(robot, 1_000_000 // WORLDS) > 10_000
