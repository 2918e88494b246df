"""Building blocks of the settings of learners. Nothing here imports torch, so that settings are checked quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from agents.network_settings import EmbeddingSettings, PolicySettings
from envs.settings import Record
from envs.task_settings import Answers, TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.nn.cores import Core
    from agents.problem import Problem

SUPERVISED: tuple[Answers, ...] = ("classes", "numbers", "sequences")
EVERYTHING: tuple[Answers, ...] = ("actions", *SUPERVISED)
Only = dict[str, tuple[tuple[Answers, ...], str]]
"""A setting -> the kinds of answers for which it is valid, and the error message for any other."""

BatchNorm = Literal["transductive", "support", "running"]
MetricBatchNorm = Literal["transductive", "support", "running", "none"]  # none: of pretrained networks
Estimator = Literal["lvc", "loglik", "dice", "emaml", "first_order"]
InnerSteps = Annotated[int, Field(ge=1, le=100)]
Rounds = Annotated[int, Field(ge=1, le=20)]
TestSteps = Annotated[int, Field(ge=1, le=1000)]
MemorySize = Annotated[int, Field(ge=1, le=10_000)]
PastSteps = Annotated[int, Field(ge=2, le=10_000)]  # whose keys and values are stored
Heads = Annotated[int, Field(ge=1, le=100)]

TRIALS = ("rounds", "memory_reset", "trial_unit", "bptt_steps")  # settings of what a trial is
ONE_SUPPORT = "a supervised task has one support: learner.rounds is 1"


ON_POLICY_ONLY = (  # settings that learners with a replay have no use for
    *(("policy", name) for name in ("init_std", "min_std", "critic_hidden", "critic_observes_task")),
    *(("advantage", name) for name in ("gae_lambda", "bootstrap", "baseline")),
)


class Look(NamedTuple):
    """How plots draw a learner: a colour of `metarl.reporting.plots.palette`, a marker and a line of matplotlib."""

    color: str
    marker: str = "o"
    line: str = "-"


class LearnerSettings(Record):
    """Settings of a learner. A module of `agents.learners`, or of a plugin, offers a subclass as `Settings`.

    kind: the learner's name.

    Class attributes:
    names: its usual names in tables and plots, each with how plots draw it; the first is the default. Without any it is
        called by its kind, and its look is derived from that, always the same.
    accepts: kinds of answers of the tasks that it can learn (`envs.task_settings.Answers`).
    outers: kinds of outer steps that it can use on tasks with actions; supervised tasks always use `gradient`.
    only: settings that are valid only for some kinds of answers, with the error message for the others.
    counts: what the minibatches of an outer step consist of: `tasks`, `trials`, or the steps of `worlds`.
    baseline: `joint`, `oracle` or `sb3` if its runs serve as that baseline in comparisons.
    observes_task: True if it observes the true task parameters.
    predicts_value: True if it has a value function, so that its settings have an effect.
    ignores: (section, name) of settings that have no effect on it, and are refused.
    """

    kind: str
    names: ClassVar[dict[str, Look]] = {}
    accepts: ClassVar[tuple[Answers, ...]] = EVERYTHING
    outers: ClassVar[tuple[str, ...]] = ("ppo", "trpo")
    only: ClassVar[Only] = {}
    counts: ClassVar[str] = "tasks"
    baseline: ClassVar[str] = ""
    observes_task: ClassVar[bool] = False
    predicts_value: ClassVar[bool] = False
    ignores: ClassVar[tuple[tuple[str, str], ...]] = ()

    def build(self, problem: Problem) -> Learner[Any]:
        """The learner for a problem."""
        raise NotImplementedError

    def display_name(self, answers: Answers) -> str:
        """Its name in tables and plots, on tasks with such answers."""
        return next(iter(self.names), self.kind)

    @property
    def published_name(self) -> str:
        """The name under which its published results are listed."""
        return self.kind

    def weights_digest(self) -> str | None:
        """What the file of pretrained weights holds; None without one. Raises ValueError where it cannot be read."""
        embedding = getattr(self, "embedding", None)
        return embedding.digest() if isinstance(embedding, EmbeddingSettings) else None

    @property
    def image_sizes(self) -> tuple[int, int]:
        """The least and the most pixels of a side of its input images."""
        return 28, 84

    @property
    def image_reader(self) -> str:
        """The part that fixes the image size, for error messages."""
        return f"learner {self.kind}"

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        """Raise ValueError, with a one-sentence message, if the other sections of an experiment do not fit."""


class MetricSettings(LearnerSettings):
    """Common settings of learners that compare images in an embedding.

    bn: statistics of batch normalisation, of the batch (`transductive`), of the `support`, `running` ones measured
    after training, or `none` with a pretrained network, which has its own. embedding: the image embedding.
    """

    bn: MetricBatchNorm = "running"
    embedding: EmbeddingSettings = EmbeddingSettings()
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    @model_validator(mode="after")
    def _statistics_fit(self) -> Self:
        self.embedding.check_statistics(self.bn, "none")
        return self


class GradientSettings(LearnerSettings):
    """Common settings of learners that adapt by gradient steps.

    rounds: batches of support episodes of a task, each adapted on in turn (policies only). bn: batch normalisation of
    query images, `transductive` (all queries are one batch) or `support+1` (each query with the support). embedding:
    the image embedding, of stride 2 by default. test_steps: gradient steps when a supervised task is evaluated.
    normalize_inputs: observations are normalised by running statistics over all tasks (policies only).
    """

    rounds: Rounds = 1
    normalize_inputs: bool = False
    bn: Literal["transductive", "support+1"] = "transductive"
    embedding: EmbeddingSettings | None = None
    test_steps: TestSteps | None = None
    accepts: ClassVar[tuple[Answers, ...]] = ("actions", "classes", "numbers")

    @model_validator(mode="after")
    def _statistics_fit(self) -> Self:
        if self.embedding is not None:
            self.embedding.check_statistics(self.bn, "transductive")
        return self

    only: ClassVar[Only] = {
        "rounds": (("actions",), ONE_SUPPORT),
        "embedding": (("classes",), "learner.embedding is for tasks of kind fewshot"),
        "bn": (("classes",), "learner.bn is for tasks of kind fewshot: no other network has batch normalisation"),
        "test_steps": (SUPERVISED[:2], "learner.test_steps is for supervised tasks"),
        "normalize_inputs": (("actions",), "learner.normalize_inputs is for policies"),
    }


class MemorySettings(LearnerSettings):
    """Common settings of learners with a memory, which is that of a recurrent policy (RL^2) on tasks with actions.

    rounds: episodes of a trial before its last. memory_reset: when the memory is reset, at every `trial` or `episode`.
    trial_unit: a trial in training has so many `episodes`, and a fallen robot waits for the next; or it has as many
    `steps` as these episodes have at most, and where a robot falls another episode follows at once. A memory that is
    reset at every episode is trained on `episodes`. bptt_steps: backpropagation through time is truncated after as many
    steps; 0 takes whole trials.
    """

    rounds: Annotated[int, Field(ge=0, le=100)] = 1
    memory_reset: Literal["trial", "episode"] = "trial"
    trial_unit: Literal["episodes", "steps"] = "episodes"
    bptt_steps: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    outers: ClassVar[tuple[str, ...]] = ("ppo",)
    only: ClassVar[Only] = {
        "rounds": (("actions",), ONE_SUPPORT),
        "memory_reset": (("actions",), "learner.memory_reset is for policies: supervised tasks have no episodes"),
        "trial_unit": (("actions",), "learner.trial_unit is for policies: supervised tasks have no episodes"),
        "bptt_steps": (
            ("actions",),
            "learner.bptt_steps is for policies: supervised tasks are learned from as a whole",
        ),
    }
    counts: ClassVar[str] = "trials"
    predicts_value: ClassVar[bool] = True

    def display_name(self, answers: Answers) -> str:
        name = super().display_name(answers)
        return f"{name}, reset each episode" if self.memory_reset == "episode" else name

    def build_core(self, inputs: int) -> Core:
        """The recurrent core for inputs of width `inputs`."""
        raise NotImplementedError

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.assemble import build_with_core

        return build_with_core(self.build_core, self.trial_options, problem)

    @property
    def trial_options(self) -> dict[str, Any]:
        """What a trial is, as options of a recurrent policy."""
        return self.model_dump(include=set(TRIALS))

    def core_options(self) -> dict[str, Any]:
        """The settings that are options of the core."""
        return self.model_dump(exclude={"kind", *TRIALS})
