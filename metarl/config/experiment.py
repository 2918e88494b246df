"""One experiment: its parts, and what does not go together."""

from __future__ import annotations

from typing import Annotated, Any, Self, get_args

from pydantic import Field, model_validator

from envs.settings import Record
from metarl.config.learners import (
    CaviaLearner,
    GruLearner,
    JointLearner,
    LstmLearner,
    LstmMetaLearner,
    MamlLearner,
    MannLearner,
    MatchingLearner,
    MetaNetLearner,
    NtmLearner,
    OracleLearner,
    PolicyNet,
    PrototypicalLearner,
    RelationLearner,
    ReptileLearner,
    SiameseLearner,
    SnailLearner,
)
from metarl.config.tasks import (
    BanditTasks,
    CopyTasks,
    FewShotTasks,
    LocomotionTasks,
    NamedTasks,
    PointTasks,
    SinusoidTasks,
)
from metarl.config.training import Advantage, GradientOuter, PpoOuter, Training, TrpoOuter

Tasks = Annotated[
    LocomotionTasks | NamedTasks | PointTasks | BanditTasks | FewShotTasks | SinusoidTasks | CopyTasks,
    Field(discriminator="kind"),
]
Learner = Annotated[
    MamlLearner
    | CaviaLearner
    | ReptileLearner
    | LstmMetaLearner
    | MetaNetLearner
    | JointLearner
    | OracleLearner
    | PrototypicalLearner
    | MatchingLearner
    | RelationLearner
    | SiameseLearner
    | MannLearner
    | NtmLearner
    | LstmLearner
    | GruLearner
    | SnailLearner,
    Field(discriminator="kind"),
]
MetricLearner = PrototypicalLearner | MatchingLearner | RelationLearner | SiameseLearner
MemoryLearner = MannLearner | NtmLearner | LstmLearner | GruLearner | SnailLearner
Supervised = FewShotTasks | SinusoidTasks | CopyTasks
SUPERVISED = ("fewshot", "sinusoid", "copy")
METRIC = ("prototypical", "matching", "relation", "siamese")
MEMORY = ("mann", "ntm", "lstm", "gru", "snail")
Outer = Annotated[PpoOuter | TrpoOuter | GradientOuter, Field(discriminator="kind")]


class Config(Record):
    """One experiment."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    tasks: Tasks
    policy: PolicyNet = PolicyNet()
    learner: Learner
    outer: Outer
    advantage: Advantage = Advantage()
    train: Training

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        if self.tasks.kind in SUPERVISED and (self.policy != PolicyNet() or self.advantage != Advantage()):
            raise ValueError(
                f"policy and advantage are for learners that act: tasks of kind {self.tasks.kind} have none"
            )
        return self

    @model_validator(mode="after")
    def _videos_have_a_body(self) -> Self:
        if self.train.video_every and self.tasks.kind not in ("locomotion", "named"):
            raise ValueError(f"train.video_every films robots: tasks of kind {self.tasks.kind} have no body")
        return self

    @model_validator(mode="after")
    def _images_fit_network(self) -> Self:
        if isinstance(self.tasks, FewShotTasks):
            wanted = 105 if getattr(self.learner, "network", "") == "koch" else 28
            if self.tasks.size != wanted:
                whose = "network koch" if wanted == 105 else f"learner {self.learner.kind}"
                raise ValueError(f"{whose} sees {wanted} x {wanted} pixels: tasks.size is {self.tasks.size}")
        return self

    @model_validator(mode="after")
    def _metanet_fits_tasks(self) -> Self:
        if isinstance(self.learner, MetaNetLearner):
            images = self.tasks.kind == "fewshot"
            if self.learner.channels is not None and not images:
                raise ValueError("learner.channels is for tasks of kind fewshot")
            if self.learner.representation == "verification" and not images:
                raise ValueError("learner.representation verification wants classes: tasks of kind fewshot")
            if not self.policy.hidden:
                raise ValueError("learner metanet has its keys in the last hidden layer: policy.hidden is empty")
        return self

    @model_validator(mode="after")
    def _memory_fits_tasks(self) -> Self:
        remembers, supervised = self.learner.kind in MEMORY, self.tasks.kind in SUPERVISED
        if remembers and not supervised and self.outer.kind != "ppo":
            raise ValueError(f"learner {self.learner.kind} acts by PPO: outer.kind is {self.outer.kind}")
        if supervised and getattr(self.learner, "memory_reset", "trial") != "trial":
            raise ValueError("learner.memory_reset is for policies: supervised tasks have no episodes")
        if isinstance(self.outer, PpoOuter) and not remembers and self.outer.value_coef != 0.5:
            raise ValueError(f"outer.value_coef is for policies with a memory: {self.learner.kind} tells no returns")
        return self

    @model_validator(mode="after")
    def _outer_has_what_it_wants(self) -> Self:
        if getattr(self.learner, "inner_optimizer", "sgd") == "adam" and getattr(self.outer, "optimizer", "") != "sgd":
            raise ValueError("learner.inner_optimizer adam is carried by plain steps: outer.optimizer has to be sgd")
        if getattr(self.learner, "estimator", "") == "emaml" and self.train.episodes == 1:
            raise ValueError("learner.estimator emaml compares episodes with each other: train.episodes is 1")
        if isinstance(self.outer, TrpoOuter) and getattr(self.learner, "estimator", "") == "emaml":
            raise ValueError(
                "learner.estimator emaml pays what was done before adaptation: outer.kind trpo leaves it out"
            )
        if isinstance(self.outer, TrpoOuter) and getattr(self.learner, "each_round", False):
            raise ValueError("learner.each_round is for outer.kind ppo: trpo judges after the last round")
        if isinstance(self.outer, PpoOuter):
            remembers = self.learner.kind in MEMORY
            parts = self.train.num_tasks * (self.train.episodes if remembers else 1)
            if self.outer.minibatches > parts:
                what = "trials" if remembers else "tasks"
                raise ValueError(f"outer.minibatches is {self.outer.minibatches}, but there are only {parts} {what}")
        return self

    @model_validator(mode="after")
    def _rounds_fit_tasks(self) -> Self:
        if self.tasks.kind not in SUPERVISED:
            return self
        if getattr(self.learner, "rounds", 1) != 1:
            raise ValueError("a supervised task has one support: learner.rounds is 1")
        if getattr(self.learner, "each_round", False) or getattr(self.learner, "inner_lr_decay", 1.0) != 1.0:
            raise ValueError("learner.each_round and inner_lr_decay are for policies: a supervised task has one round")
        return self

    @model_validator(mode="after")
    def _outer_fits_learner(self) -> Self:
        images, supervised = self.tasks.kind == "fewshot", self.tasks.kind in SUPERVISED
        if supervised and self.learner.kind in ("joint", "oracle", "cavia"):
            raise ValueError(f"learner {self.learner.kind} acts: tasks of kind {self.tasks.kind} want none that does")
        if not images and self.learner.kind in METRIC:
            raise ValueError(f"learner {self.learner.kind} tells classes apart: it wants tasks of kind fewshot")
        if self.tasks.kind == "copy" and self.learner.kind not in MEMORY:
            raise ValueError(f"learner {self.learner.kind} reads no sequences: copying wants {' or '.join(MEMORY)}")
        wants_gradient = supervised or self.learner.kind == "reptile"
        if wants_gradient != (self.outer.kind == "gradient"):
            fitting = "gradient" if wants_gradient else "ppo or trpo"
            raise ValueError(f"learner {self.learner.kind} needs outer.kind {fitting}, but got {self.outer.kind}")
        if isinstance(self.learner, MamlLearner | ReptileLearner | LstmMetaLearner):
            if self.learner.embedding is not None and not images:
                raise ValueError("learner.embedding is for tasks of kind fewshot")
            if self.learner.bn != "transductive" and not images:
                raise ValueError("learner.bn is for tasks of kind fewshot: nothing else is normalised by batches")
            if getattr(self.learner, "minibatch", 0) and not supervised:
                raise ValueError("learner.minibatch is for supervised tasks: an episode is no example")
            if getattr(self.learner, "clip_coef", 0) and supervised:
                raise ValueError("learner.clip_coef is for policies: supervised tasks have no actions")
            if supervised and getattr(self.learner, "estimator", "lvc") != "lvc":
                raise ValueError("learner.estimator is for policies: of supervised tasks choose learner.first_order")
            if self.learner.test_steps is not None and not supervised:
                raise ValueError("learner.test_steps is for supervised tasks")
        return self


def without_threads(config: Config) -> str:
    """What runs have in common that differ in nothing but in where they are computed, and in when they save."""
    where = {"num_threads": 0, "checkpoint_every": 1, "simulator": "auto", "device": "auto", "deterministic": False}
    train = config.train.model_copy(update=where)
    return config.model_copy(update={"train": train}).model_dump_json()


def without_seed(config: Config) -> str:
    """The same of runs that may differ in their seed too."""
    return without_threads(config.model_copy(update={"seed": 0}))


def describe_learners() -> dict[str, str]:
    """Every learner by name, with one line on it."""
    return _options(Learner)


def _options(union: Any) -> dict[str, str]:
    return {
        get_args(m.model_fields["kind"].annotation)[0]: (m.__doc__ or "").split("\n")[0]
        for m in get_args(get_args(union)[0])
    }
