"""Experience of a family: layout, seeds, masking."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import Action, Tasks
from envs.locomotion.family import Locomotion
from metarl.training.collect import AdvantageEstimator
from tests.envs.locomotion.policies import BOTH, constant_policy


def test_task_major_layout_and_seeded_experience() -> None:
    """World w belongs to task w // E, and the same seed gives the same bits at any thread count."""
    tasks = Tasks(("direction",), torch.tensor([[1.0], [-1.0], [1.0]], dtype=torch.float64))
    runs = []
    for threads in (1, 2):
        family = Locomotion("half_cheetah", (BOTH,), horizon=5, num_threads=threads)
        runs.append(family.experience(tasks, constant_policy, 4, torch.Generator().manual_seed(3)))
    assert all(torch.equal(a, b) for a, b in zip(*(run[:-1] for run in runs), strict=True))  # no results
    assert runs[0].obs.shape == (3, 5, 4, 17)
    assert torch.allclose(runs[0].rew[0] + 0.05 * 6 * 0.09, runs[0].rew[2] + 0.05 * 6 * 0.09, atol=20)


def test_a_world_that_diverges_is_masked_from_then_on(generator: torch.Generator) -> None:
    family = Locomotion("half_cheetah", (BOTH,), horizon=4, num_threads=1)
    tasks = family.sample(2, "train", generator)
    calls = 0

    def sabotage(obs: Tensor, generator: torch.Generator) -> Action:
        nonlocal calls
        calls += 1
        if calls == 2:
            family.worlds(tasks, 2).sim.qvel[3] = float("nan")  # task 1, episode 1, before its second step
        return constant_policy(obs, generator)

    rollouts = family.experience(tasks, sabotage, 2, generator)
    assert rollouts.diverged.tolist() == [[False, False], [False, True]]
    assert rollouts.alive[1, :, 1].tolist() == [True, True, False, False]
    assert rollouts.terminated[1, :, 1].tolist() == [False, True, False, False]
    assert rollouts.rew[1, 1:, 1].tolist() == [0.0, 0.0, 0.0]
    assert rollouts.alive[0].all()
    assert rollouts.rew.isfinite().all()
    assert rollouts.returns.isnan().tolist() == [[False, False], [False, True]]
    learned_from = AdvantageEstimator()(rollouts)
    assert learned_from.alive[1, :, 1].tolist() == [False] * 4
    assert learned_from.alive[0].all()
