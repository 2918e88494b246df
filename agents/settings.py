"""What the settings of learners are made of. Nothing here imports torch, so that settings are checked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from envs.settings import Count, Positive, Record
from envs.task_settings import Answers, TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner, Problem
    from agents.nn.embeddings import Conv4
    from agents.nn.perceptrons import CategoricalMLP, GaussianMLP
    from envs.core import Space

SUPERVISED: tuple[Answers, ...] = ("classes", "numbers", "sequences")
Only = dict[str, tuple[tuple[Answers, ...], str]]
"""A setting -> the answers for which it means something, and what is said where it does not."""
EVERYTHING: tuple[Answers, ...] = ("actions", *SUPERVISED)
BatchNorm = Literal["transductive", "support", "running"]
Estimator = Literal["lvc", "loglik", "dice", "emaml", "first_order"]
InnerSteps = Annotated[int, Field(ge=1, le=100)]
Rounds = Annotated[int, Field(ge=1, le=20)]
TestSteps = Annotated[int, Field(ge=1, le=1000)]


class PolicySettings(Record):
    """The policy's network: tanh layers of so many units; init_std in policy units (`agents.nn.perceptrons`)."""

    hidden: tuple[Count, ...] = (64, 64)
    init_std: Positive = 1.0

    def build(self, inputs: int, space: Space) -> GaussianMLP | CategoricalMLP:
        """A network from `inputs` numbers to a distribution over actions."""
        from agents.nn.perceptrons import CategoricalMLP, GaussianMLP

        if space.discrete:
            return CategoricalMLP(inputs, space.act, self.hidden)
        return GaussianMLP(inputs, space.act, self.hidden, self.init_std)


class EmbeddingSettings(Record):
    """Four convolutional blocks (`agents.nn.embeddings.Conv4`): channels of each, and how they halve the image."""

    channels: Count = 64
    down: Literal["pool", "stride"] = "pool"

    def build(self) -> Conv4:
        from agents.nn.embeddings import Conv4

        return Conv4(self.channels, self.down)


class LearnerSettings(Record):
    """Settings of a learner. A file of `agents.learners`, or of another package, offers a subclass as `Settings`.

    accepts: what its tasks ask for (`envs.task_settings.Answers`). outers: kinds of outer steps that fit it where it
    acts; supervised tasks take `gradient`. only: settings that mean something for some answers alone, each with those
    and with what is said of any other.
    """

    kind: str
    accepts: ClassVar[tuple[Answers, ...]] = EVERYTHING
    outers: ClassVar[tuple[str, ...]] = ("ppo", "trpo")
    only: ClassVar[Only] = {}
    counts: ClassVar[str] = "tasks"  # what minibatches are drawn from
    baseline: ClassVar[str] = ""  # `joint` or `oracle`: what its runs are for others
    observes_task: ClassVar[bool] = False  # whether it observes the true task parameters
    predicts_value: ClassVar[bool] = False  # whether `outer.value_coef` means something

    def build(self, problem: Problem) -> Learner[Any]:
        """The learner for a problem."""
        raise NotImplementedError

    @property
    def display_name(self) -> str:
        """How tables call it."""
        return self.kind

    @property
    def published_name(self) -> str:
        """Under which name results of it are published."""
        return self.kind

    @property
    def image_size(self) -> int:
        """Pixels of a side of the images that it takes."""
        return 28

    @property
    def image_reader(self) -> str:
        """What takes them, in a sentence."""
        return f"learner {self.kind}"

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        """Raise ValueError, in one sentence, for what does not go together with the rest of an experiment."""


class GradientSettings(LearnerSettings):
    """What learners that adapt by gradient steps have in common.

    test_steps: gradient steps when a supervised task is evaluated.
    """

    rounds: Rounds = 1
    bn: Literal["transductive", "support+1"] = "transductive"
    embedding: EmbeddingSettings | None = None
    test_steps: TestSteps | None = None
    accepts: ClassVar[tuple[Answers, ...]] = ("actions", "classes", "numbers")
    only: ClassVar[Only] = {
        "rounds": (("actions",), "a supervised task has one support: learner.rounds is 1"),
        "embedding": (("classes",), "learner.embedding is for tasks of kind fewshot"),
        "bn": (("classes",), "learner.bn is for tasks of kind fewshot: nothing else is normalised by batches"),
        "test_steps": (("classes", "numbers"), "learner.test_steps is for supervised tasks"),
    }


class MemorySettings(LearnerSettings):
    """A learner with a memory; where it acts, the memory is that of a policy (RL^2, Duan et al. 2016).

    rounds: episodes of a trial before its last. memory_reset: whether the memory lasts for a `trial` or an `episode`.
    """

    rounds: Annotated[int, Field(ge=0, le=100)] = 1
    memory_reset: Literal["trial", "episode"] = "trial"
    outers: ClassVar[tuple[str, ...]] = ("ppo",)
    only: ClassVar[Only] = {
        "rounds": (("actions",), "a supervised task has one support: learner.rounds is 1"),
        "memory_reset": (("actions",), "learner.memory_reset is for policies: supervised tasks have no episodes"),
    }
    counts: ClassVar[str] = "trials"
    predicts_value: ClassVar[bool] = True

    @property
    def display_name(self) -> str:
        return f"{self.kind}, forgetting" if self.memory_reset == "episode" else self.kind

    def build_core(self, inputs: int) -> Any:
        """The network with a memory (`agents.nn.cores.Core`), of inputs I."""
        raise NotImplementedError

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.assemble import with_memory

        return with_memory(self.build_core, self.rounds, self.memory_reset, problem)

    def core_options(self) -> dict[str, Any]:
        """The settings that are the core's own."""
        return self.model_dump(exclude={"kind", "rounds", "memory_reset"})
