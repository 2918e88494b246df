"""Settings of tasks. A file of `envs.tasks`, or of another package, offers a subclass of `TaskSettings` as `Settings`.

Nothing here imports torch or mujoco.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from envs.settings import Record

if TYPE_CHECKING:
    from envs.core import SupervisedTasks, TaskDistribution

Answers = Literal["actions", "classes", "numbers", "sequences"]
"""What a learner is asked for: how to act, a class, a number, or a sequence of bits."""


class Simulation(NamedTuple):
    """Where robots are simulated: threads of the CPU (0: all cores), or a GPU."""

    num_threads: int = 0
    simulator: Literal["cpu", "gpu"] = "cpu"
    device: str = "cpu"
    deterministic: bool = False

    def options(self) -> dict[str, Any]:
        """As options of a family of robots."""
        return {"num_threads": self.num_threads} if self.simulator == "cpu" else self._asdict()


ON_THREADS = Simulation()


class TaskSettings(Record):
    """Settings of a distribution of tasks.

    answers: what learners are asked for. evaluator: the module of `metarl.evaluation` that evaluates runs on it.
    has_robot: whether there is a body to simulate and to film. wants_gpu: whether learning is faster there where there
    is one, without a simulation. files_are: what was trained on where `model_digest` differs.
    """

    kind: str
    answers: ClassVar[Answers] = "actions"
    evaluator: ClassVar[str] = "adaptation"
    has_robot: ClassVar[bool] = False
    wants_gpu: ClassVar[bool] = False
    files_are: ClassVar[str] = "another model of its robot"

    @property
    def is_supervised(self) -> bool:
        """Whether tasks become data without a policy."""
        return self.answers != "actions"

    @property
    def outputs(self) -> int:
        """Classes of a task; 1 where there are none."""
        return 1

    @property
    def image_size(self) -> int | None:
        """Pixels of a side; None where there are no images."""
        return None

    @property
    def image_channels(self) -> int:
        """1 of grey images, 3 of RGB."""
        return 1

    @property
    def pixels(self) -> int:
        """Of all images of one task; 0 where there are none."""
        return 0

    @property
    def title(self) -> str:
        """The distribution in a few words, without what varies in it."""
        return self.kind

    def heading(self, varies: str) -> str:
        """The distribution as the heading of a comparison."""
        return f"{self.title}: {varies}"

    @property
    def is_point(self) -> bool:
        """Whether a point acts, which has no body to film."""
        return False

    @property
    def published_as(self) -> str | None:
        """The name under which results are published; None where there are none, or where something was changed."""
        return None

    def model_digest(self) -> str | None:
        """What files of the user's own hold, of a robot or of images; None where there are none."""
        return None

    def build(self, simulation: Simulation = ON_THREADS) -> TaskDistribution | SupervisedTasks:
        """The distribution. Raises ValueError or FileNotFoundError, in one sentence, for what cannot be built."""
        raise NotImplementedError

    def data_key(self) -> dict[str, Any]:
        """What two runs must have in common to be compared: supervised tasks may differ in their shots and queries, and
        policies in the units of their actions.
        """
        return self.model_dump(exclude={"action_scale"})
