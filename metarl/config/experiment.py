"""One experiment: its parts, and what does not go together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Self

from pydantic import Field, create_model, model_validator

from agents.network_settings import PolicySettings
from agents.registry import LEARNERS
from agents.settings import LearnerSettings
from envs.registry import Registry
from envs.settings import Record
from envs.task_registry import TASKS
from envs.task_settings import TaskSettings
from metarl.config.outer_settings import OUTERS, OuterSettings
from metarl.config.training import Advantage, Training

SECTIONS: dict[str, Registry[Any]] = {"tasks": TASKS, "learner": LEARNERS, "outer": OUTERS}
CRITIC = (("policy", "critic_hidden"), ("policy", "critic_observes_task"), ("advantage", "bootstrap"))


class Config(Record):
    """One experiment. The classes of `tasks`, `learner` and `outer` are chosen by their `kind` (`config_class`)."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    tasks: TaskSettings
    policy: PolicySettings = PolicySettings()
    learner: LearnerSettings
    outer: OuterSettings
    advantage: Advantage = Advantage()
    train: Training

    @model_validator(mode="after")
    def _learner_fits_tasks(self) -> Self:
        answers, learner = self.tasks.answers, self.learner
        if answers not in learner.accepts:
            raise ValueError(_wrong_answers(learner, self.tasks))
        for name, (meant, sentence) in learner.only.items():
            changed = getattr(learner, name) != type(learner).model_fields[name].get_default(call_default_factory=True)
            if answers not in meant and changed:
                raise ValueError(sentence)
        size = self.tasks.image_size
        low, high = learner.image_sizes
        if size is not None and not low <= size <= high:
            wanted = " to ".join(f"{side} x {side}" for side in dict.fromkeys((low, high)))
            raise ValueError(f"{learner.image_reader} sees {wanted} pixels: tasks.size is {size}")
        return self

    @model_validator(mode="after")
    def _outer_fits_learner(self) -> Self:
        fitting = ("gradient",) if self.tasks.is_supervised else self.learner.outers
        if self.outer.kind not in fitting:
            wanted = " or ".join(fitting)
            raise ValueError(f"learner {self.learner.kind} needs outer.kind {wanted}, but got {self.outer.kind}")
        parts = self.train.num_tasks * (1 if self.learner.counts == "tasks" else self.train.episodes)
        self.outer.check(parts, self.learner.counts, self.learner.predicts_value, self.learner.kind)
        self.learner.check(self.tasks, self.policy, self.outer, self.train)
        return self

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        kind = self.tasks.kind
        if self.tasks.is_supervised and (self.policy != PolicySettings() or self.advantage != Advantage()):
            raise ValueError(f"policy and advantage are for learners that act: tasks of kind {kind} have none")
        if not self.tasks.is_supervised and not self.learner.predicts_value:
            self._refuse(CRITIC, f"for learners with a value function: {self.learner.kind} predicts no returns")
        if self.learner.predicts_value:
            only = f"for learners without a value function: {self.learner.kind} has one"
            self._refuse([("advantage", "baseline")], only)
        self._refuse(self.learner.ignores, f"without effect on learner {self.learner.kind}: leave it out")
        if self.train.video_every and not self.tasks.has_robot:
            raise ValueError(f"train.video_every films robots: tasks of kind {kind} have no body")
        return self

    def _refuse(self, settings: Iterable[tuple[str, str]], why: str) -> None:
        """Raise ValueError for one of these settings that is not left alone."""
        for section, name in settings:
            given = getattr(self, section)
            if getattr(given, name) != getattr(type(given)(), name):
                raise ValueError(f"{section}.{name} is {why}")


def _wrong_answers(learner: LearnerSettings, tasks: TaskSettings) -> str:
    takes = [kind for kind, settings in TASKS.items().items() if settings.answers in learner.accepts]
    return f"learner {learner.kind} takes tasks of kind {' or '.join(takes)}: tasks.kind is {tasks.kind}"


@cache
def config_class(tasks: type[TaskSettings], learner: type[LearnerSettings], outer: type[OuterSettings]) -> type[Config]:
    """`Config` with these three sections."""
    sections: dict[str, Any] = {"tasks": (tasks, ...), "learner": (learner, ...), "outer": (outer, ...)}
    return create_model("Config", __base__=Config, **sections)


def without_placement(config: Config) -> str:
    """What runs have in common that differ only in where they are computed, when they save, and what shows them."""
    where = {"num_threads": 0, "checkpoint_every": 1, "simulator": "auto", "device": "auto", "deterministic": False}
    train = config.train.model_copy(update=where)
    return config.model_copy(update={"train": train}).model_dump_json(exclude={"train": {"logger"}})


def without_seed(config: Config) -> str:
    """The same of runs that may differ in their seed too."""
    return without_placement(config.model_copy(update={"seed": 0}))
