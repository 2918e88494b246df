"""What a memory, or a posterior over tasks, knows of the task: how well its latent state, step by step, tells the true
parameters of unseen tasks.

A linear probe (ridge regression) is fitted on training tasks, at each step its own, and judged on test tasks by R^2.
Where the latent is a belief its mean is probed, and its standard deviation is told beside it.

Axes: `N` tasks, `L` steps of a trial, `B` trials, `S` steps that are shown, `Z` latent, `P` parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from agents.latent.pearl import PEARL
from agents.latent.varibad import gather
from agents.records import Context, Params
from envs.core import Trajectories
from metarl.errors import UserError
from metarl.evaluation.sampling import sample_tasks, seeded
from metarl.evaluation.text_table import TextTable
from metarl.runs.folder import Run
from metarl.training.collect import collect_rollouts, context_of, descriptor_of
from metarl.training.make import load_trainer

SHOWN = 50  # steps at most; chosen
RIDGE = 1e-2  # of the probe, for latents of variance 1; chosen
TABLE_STEPS, MOST = 6, 6  # rows of the table, and parameters that are shown; chosen
Floats = NDArray[np.float64]


class Latents(NamedTuple):
    """Of trials in some tasks."""

    mean: Floats  # [S, N, Z]
    std: Floats | None  # [S, N, Z] of a belief
    values: Floats  # [N, P] true parameters, centred and scaled by their training range


class LatentAnalysis(NamedTuple):
    """Of one run on unseen tasks."""

    run: str
    learner: str
    steps: list[int]  # of the trial
    horizon: int  # of an episode
    names: tuple[str, ...]
    r2: Floats  # [S, P]; below 0 is worse than the mean of the training tasks
    unseen: Latents

    @property
    def best(self) -> list[int]:
        """The parameters that are known best in the end, at most six, which are shown."""
        order: list[int] = np.argsort(-self.r2[-1], kind="stable")[:MOST].tolist()
        return order

    def to_json(self) -> Any:
        std = self.unseen.std
        spread = None if std is None else std.mean((1, 2)).round(4).tolist()
        read = {name: self.r2[:, i].round(4).tolist() for i, name in enumerate(self.names)}
        return {"run": self.run, "learner": self.learner, "steps": self.steps, "r2": read, "std": spread}


def analyse_latent(run: Run, num_tasks: int, seed: int) -> LatentAnalysis:
    """Probe the memory of a run on `num_tasks` unseen tasks, fitted on as many training tasks.

    Raises UserError for a learner without a memory, and for tasks that do not differ.
    """
    trainer, generator = load_trainer(run), seeded(seed)
    learner, family = trainer.learner, trainer.family
    if not (hasattr(learner, "latent") or learner.adapts_on_rewards):
        raise UserError(
            f"{run.name} has no memory to look into: analyse latent is for policies with a memory, and PEARL"
        )
    names = tuple(getattr(family, "descriptor_names", ()))
    if not names:
        raise UserError(f"the tasks of {run.name} do not differ in any number: there is nothing to tell")
    probed: Any = dataclasses.replace(cast(Any, learner), **({"bptt_steps": 0} if learner.is_recurrent else {}))
    plan = (1,) * (learner.rounds + 1)
    steps = np.unique(np.linspace(0, len(plan) * family.horizon - 1, SHOWN).astype(int))

    def latents(split: str) -> Latents:
        """At steps that were taken; of a robot that has fallen for good, at its last."""
        tasks = sample_tasks(family, num_tasks, split, generator)
        rollouts = collect_rollouts(probed, trainer.theta, family, tasks, plan, trainer.advantage, generator)
        with torch.no_grad():
            if learner.is_recurrent:
                data = rollouts.episode.query
                mean, std = probed.latent(trainer.theta, data.x[0])  # [L, B, Z]
                last = (data.alive[0].sum(0) - 1).clamp_min(0)  # [B]
            else:
                mean, std = _posteriors(probed, trainer.theta, rollouts.trajectories)
                last = torch.full(
                    (num_tasks,), len(mean) - 1, device=mean.device
                )  # of a robot that has fallen it stays
            at = torch.from_numpy(steps).to(last)[:, None].minimum(last)  # [S, B]
        values = descriptor_of(family, tasks).double().numpy()
        told = [None if x is None else gather(x, at).double().cpu().numpy() for x in (mean, std)]
        assert told[0] is not None
        return Latents(told[0], told[1], values)

    known, unseen = latents("train"), latents("test")
    r2 = np.stack([_probe(known.mean[i], known.values, unseen.mean[i], unseen.values) for i in range(len(steps))])
    name = trainer.config.learner.display_name("actions")
    return LatentAnalysis(run.name, name, steps.tolist(), family.horizon, names, r2, unseen)


def _posteriors(learner: PEARL, theta: Params, episodes: Sequence[Trajectories]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [L, N, Z] after every step of one episode after the other."""
    rounds = [context_of(data) for data in episodes]
    steps = Context(*(torch.cat(fields, 1) for fields in zip(*rounds, strict=True)))  # [N, L, 1, ...]
    mean, variance = vmap(learner.posteriors, in_dims=(None, 0))(theta, steps)
    return mean[:, :, 0].transpose(0, 1), variance[:, :, 0].transpose(0, 1).sqrt()


def _probe(latent: Floats, values: Floats, unseen: Floats, true: Floats) -> Floats:
    """R^2 [P] of ridge regression from latents [N, Z] to values [N, P], on other tasks."""
    centre, scale = latent.mean(0), latent.std(0) + 1e-8
    x = np.concatenate([(latent - centre) / scale, np.ones((len(latent), 1))], 1)
    penalty = RIDGE * len(x) * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    weights = np.linalg.solve(x.T @ x + penalty, x.T @ values)
    predicted = np.concatenate([(unseen - centre) / scale, np.ones((len(unseen), 1))], 1) @ weights
    residual: Floats = np.square(predicted - true).mean(0)
    r2: Floats = 1 - residual / np.maximum(np.square(true - values.mean(0)).mean(0), 1e-12)
    return r2


def tables(analysis: LatentAnalysis) -> list[TextTable]:
    """R^2 of each parameter at some steps."""
    chosen = np.unique(np.linspace(0, len(analysis.steps) - 1, TABLE_STEPS).astype(int))
    std = analysis.unseen.std
    headers = ["step", *(analysis.names[p] for p in analysis.best), *([] if std is None else ["standard deviation"])]
    rows = [
        [
            str(analysis.steps[i]),
            *(f"{analysis.r2[i, p]:.2f}" for p in analysis.best),
            *([] if std is None else [f"{std[i].mean():.2f}"]),
        ]
        for i in chosen
    ]
    note = (
        f"R^2 of a linear probe of the memory on {len(analysis.unseen.values)} unseen tasks, fitted on as many "
        f"training tasks; 1: the parameter is known exactly, 0: not at all; an episode has {analysis.horizon} steps"
    )
    return [TextTable(f"{analysis.run}: what {analysis.learner} knows of the task", headers, rows, [note], "r")]
