"""What is filmed: a trained policy before and after adaptation, or tasks with an untrained policy."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from agents.learner import Learner, RecurrentLearner
from agents.memory.forgetful import Forgetful
from envs import named
from envs.core import Action, Tasks, Trajectories
from envs.locomotion.family import Locomotion
from envs.wording import count_of
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError, nearest
from metarl.evaluation.adaptation import display_name
from metarl.evaluation.sampling import complete_tasks, sample_tasks, seeded, unseen_split
from metarl.reporting.video.clips import Clip, RecordingFamily
from metarl.runs.folder import Run
from metarl.training.build import build_family
from metarl.training.collect import collect_rollouts
from metarl.training.make import load_trainer
from metarl.training.policies import episodes_a_round
from metarl.training.trainer import Trainer


class RunSource:
    """Clips of a trained policy. Raises UserError where its tasks have no robot.

    episodes: of each round of adaptation. rounds: of adaptation, by default 1, and before its first for a memory, which
    adapts within an episode; none for a learner that does not adapt.
    """

    def __init__(self, trainer: Trainer, episodes: int, rounds: int | None = None) -> None:
        self.trainer, self.episodes = trainer, episodes
        self.family = _with_robot(trainer.family)
        self.rounds = (rounds or 1) if trainer.learner.rounds else 0
        self.shown = 0 if rounds is None and trainer.learner.is_recurrent else self.rounds

    def clips(self, given: dict[str, float], split: str | None, count: int, grid: bool, seed: int) -> list[Clip]:
        """One task before and after adaptation, or with its memory off and on; as a `grid`, `count` tasks after it.

        given: parameters that every task has. Raises UserError for parameters outside the family.
        """
        tasks = complete_tasks(self.family, given, unseen_split(self.family, split), seed, count)
        if "event_s" in given and not grid:
            return self._off_and_on(tasks, seed, self.rounds, "")
        if self.rounds and self.trainer.learner.is_recurrent and not grid:
            when = f", after {count_of(self.shown * self.episodes, 'episode')}" if self.shown else ", first episode"
            return self._off_and_on(tasks, seed, self.shown, when)
        recording, rollouts = self._collect(self.trainer.learner, tasks, seed, self.rounds)
        episodes = self.rounds * episodes_a_round(self.trainer.learner, self.episodes)
        learner, adapted = display_name(self.trainer.config), f"after {count_of(episodes, 'episode')}"
        if grid:
            title = adapted if self.rounds else learner
            return [recording.clip(title, tasks, rollouts[self.rounds], self.rounds, i) for i in range(count)]
        titles = {0: "before adaptation", self.rounds: adapted} if self.rounds else {0: learner}
        return [recording.clip(title, tasks, rollouts[k], k) for k, title in titles.items()]

    def _off_and_on(self, tasks: Tasks, seed: int, round: int, when: str) -> list[Clip]:
        """Episodes of a round; of a learner with a memory beside the same one whose memory is switched off."""
        name, learner = display_name(self.trainer.config), self.trainer.learner
        recording, rollouts = self._collect(learner, tasks, seed, round)
        adapting = recording.clip(name + when, tasks, rollouts[round], round)
        if not learner.is_recurrent:
            return [adapting]
        without, others = self._collect(Forgetful(cast(RecurrentLearner, learner)), tasks, seed, round)
        return [without.clip(f"{name}, memory off", tasks, others[round], round), adapting]

    def _collect(
        self, learner: Learner[Any], tasks: Tasks, seed: int, rounds: int
    ) -> tuple[RecordingFamily, tuple[Trajectories, ...]]:
        """How the episodes of every round looked, and what came of them."""
        generator = seeded(seed)
        sample_tasks(self.family, len(tasks), "train", generator)  # random numbers continue after those of the tasks
        recording = RecordingFamily(self.family)
        rollouts = collect_rollouts(
            learner,
            self.trainer.theta,
            recording,  # type: ignore[arg-type]  # it has every other attribute of the family
            tasks,
            (self.episodes,) * (rounds + 1),
            self.trainer.advantage,
            generator,
        )
        return recording, rollouts.trajectories


class TaskSource:
    """Clips of an untrained policy: `random` draws actions uniformly, `zero` gives no torque."""

    def __init__(self, family: Locomotion, policy: str) -> None:
        self.family, self.policy = family, policy

    def clips(self, given: dict[str, float], split: str | None, count: int, grid: bool, seed: int) -> list[Clip]:
        """`count` tasks, an episode of each; for the arguments see `RunSource.clips`."""
        tasks = complete_tasks(self.family, given, unseen_split(self.family, split), seed, count)
        recording = RecordingFamily(self.family)
        rollouts = recording.experience(tasks, self._act, 1, seeded(seed))
        return [recording.clip(f"{self.policy} policy", tasks, rollouts, 0, i) for i in range(count)]

    def _act(self, obs: Tensor, generator: torch.Generator) -> Action:
        shape = (*obs.shape[:2], self.family.space.act)
        full = self.family.full_action if self.policy == "random" else 0.0
        act = full * (2 * torch.rand(shape, generator=generator) - 1)  # [N, E, A]
        return Action(act, torch.zeros(shape[:2]), act, torch.zeros(shape))


def source_of_run(run: Run, episodes: int | None = None, rounds: int | None = None) -> RunSource:
    """The selected checkpoint of a run; `episodes` a round are by default as many as in training."""
    return RunSource(load_trainer(run), episodes or run.config.train.episodes, rounds)


def source_of_config(config: Config) -> RunSource:
    """A fresh policy of a config, before and after one round of adaptation."""
    return RunSource(Trainer(config), config.train.episodes)


def source_of_tasks(name: str, policy: str) -> TaskSource:
    """The tasks with a name of `metarl list tasks`, or those of a config. Raises UserError for an unknown name."""
    known = named.describe()
    if name in known:
        return TaskSource(_with_robot(named.build_family(name)), policy)
    if name not in settings.names() and not name.endswith((".yaml", ".yml")):
        close = nearest(name, [*known, *settings.names()])
        hint = close if close.startswith("did you mean") else "see `metarl list tasks` and `metarl list configs`"
        raise UserError(f"there are no tasks and no config named {name!r}: {hint}")
    return TaskSource(_with_robot(build_family(settings.load(settings.find(name)))), policy)


def _with_robot(family: Any) -> Locomotion:
    if not isinstance(family, Locomotion):
        raise UserError(
            "its tasks have no body to film: give tasks of a robot, or a run on points, whose paths are drawn; an "
            "environment of Gymnasium is filmed by its wrapper RecordVideo"
        )
    return family
