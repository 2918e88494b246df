"""Settings of outer steps. A file of `metarl.training.outers` offers a subclass of `OuterSettings` as `Settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from envs.registry import Registry, kind_of
from envs.settings import Record
from metarl.config.loggers import Metrics as Metrics
from metarl.config.training import Advantage

if TYPE_CHECKING:
    from agents.learner import Learner, Objective, Params


class Outer(Protocol):
    """Owns theta, and moves it; may carry tensors of its own from step to step."""

    @property
    def theta(self) -> Params:
        """The meta-parameters, without a graph; they change in place with the next step."""

    def step(self, data: Any) -> Metrics:
        """Move theta, given the experience [N, ...] that it collected; `skipped` where no finite step was found."""

    def assign(self, changes: Params) -> None:
        """Give some parameters new values."""

    def state(self) -> Params:
        """A copy of the other tensors that a checkpoint needs."""

    def load(self, state: Params) -> None:
        """Put back what `state` gave."""


class OuterContext(NamedTuple):
    """What an outer step needs to know of the training that it is a part of.

    ranks: the processes that share the tasks (`metarl.distributed.process_group.Ranks`).
    steps: of a task's episodes of one round, of which there are so many `episodes`. pixels: of a task's images, 0 where
    there are none. family, advantage, seed: for a step that collects its experience itself.
    """

    learner: Learner[Any]
    theta: Params
    ranks: Any
    num_tasks: int
    iterations: int
    steps: int = 0
    pixels: int = 0
    episodes: int = 1
    family: Any = None
    advantage: Advantage = Advantage()
    seed: int = 0


class OuterSettings(Record):
    """Settings of an outer step.

    last_round_only: whether it counts the policy after the last round alone. collects: whether it collects its
    experience itself, and is given a seed in place of data.
    """

    kind: str
    last_round_only: ClassVar[bool] = False
    collects: ClassVar[bool] = False

    def build(self, context: OuterContext) -> Outer:
        """The step, which owns theta from then on."""
        raise NotImplementedError

    def stored_transitions(self, num_tasks: int) -> int:
        """The transitions that a replay of so many tasks holds at most; 0 without one."""
        return 0

    def surrogate(self) -> Objective:
        """What is minimised of the adapted policy."""
        from agents.objectives import policy_gradient

        return policy_gradient

    @property
    def penalty_coef(self) -> float:
        """Weight of the KL to the policy that sampled."""
        return 0.0

    @property
    def anneals(self) -> bool:
        """Whether a rate falls over the whole training, so that a step depends on the number of iterations."""
        return False

    def check(self, parts: int, what: str, predicts_value: bool, learner: str) -> None:
        """Raise ValueError for what does not fit a learner with so many parts to draw minibatches from."""


OUTERS: Registry[type[OuterSettings]] = Registry(
    "outer step",
    "metarl.training.outers",
    "Settings",
    kind_of,
    "metarl.outers",
    OuterSettings,
)
