"""How actions are weighed, and how much of everything."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from envs.registry import nearest
from envs.settings import Count, Fraction, Record
from metarl.config.loggers import LOGGERS


class Advantage(Record):
    """Discount, and lambda of generalised advantage estimation (`agents.advantages`).

    bootstrap: where time cuts an episode, or a trial of a policy with a memory, a learned value function stands for
    what would have followed; without it the horizon is a part of the task.
    baseline: of learners without a value function. `linear` is fitted to the episodes of each task alone;
    `hierarchical` draws its weights towards those of other tasks, so that one episode is worth something
    (`agents.linear_prior`).
    """

    gamma: Fraction = 0.99
    gae_lambda: Fraction = 1.0
    bootstrap: bool = True
    baseline: Literal["linear", "hierarchical"] = "linear"


class Training(Record):
    """How much: tasks and episodes a round and iteration, how often to save, how many threads (0: every core).

    curriculum: a variable of the tasks that is walked through from its easy end, at the pace of progress
    (`metarl.training.curriculum`); by default its whole range is drawn from.

    video_every: after so many iterations an unseen task is filmed before and after adaptation, the same every time; 0:
    never.

    simulator: `cpu` or `gpu` simulates robots; `auto` takes the GPU where there is one and there are enough worlds for
    it. device: where networks are; `auto` puts them beside the simulator, and those that see images on a GPU.
    deterministic: sums on a GPU are taken in the same order every time, so that two runs are equal to the bit; slower.
    init_from: a run, whose weights and running statistics training starts from; by default from random weights.
    reset_std: with it, the standard deviation of actions starts with `policy.init_std` and not with that of the run.
    logger: what shows a training besides (`metarl.config.loggers`): a name, or several with commas between them.
    """

    iterations: Count
    num_tasks: Count = 20
    episodes: Count = 20
    checkpoint_every: Count = 10
    curriculum: str | None = None
    video_every: Annotated[int, Field(ge=0, le=10**9)] = 0
    num_threads: Annotated[int, Field(ge=0, le=1024)] = 0
    simulator: Literal["auto", "cpu", "gpu"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    deterministic: bool = False
    logger: tuple[str, ...] = ()
    init_from: str | None = None
    reset_std: bool = False

    @model_validator(mode="after")
    def _resets_something(self) -> Self:
        if self.reset_std and self.init_from is None:
            raise ValueError("reset_std is of a training that starts from another run: give init_from too")
        return self

    @field_validator("logger", mode="before")
    @classmethod
    def _several_in_one_word(cls, value: Any) -> Any:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("logger")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in LOGGERS:
                raise ValueError(f"there is no logger named {name!r}: {nearest(name, LOGGERS.names())}")
        return tuple(dict.fromkeys(names))
