"""Meta networks: fast weights made of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.settings import LearnerSettings, Only, PolicySettings, Rounds
from envs.settings import Count, Positive
from envs.task_settings import Answers, TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner, Problem

WAVE_HIDDEN = (40, 40)  # Finn et al. 2017, section 5.1


class Settings(LearnerSettings):
    """Meta networks (Munkhdalai and Yu 2017): a memory of fast weights, made of the support's gradients.

    Of images: channels of each block (64 by default). representation: the loss of the network that gives the keys,
    that of the task, or of images also the verification of pairs. slices: parts in which the support is read.
    log_range: gradients below exp(-log_range) are given by their size alone. hidden: units of what makes fast weights,
    and fast_gain the size of those at the start. attention_scale: factor of the cosine.
    """

    kind: Literal["metanet"] = "metanet"
    channels: Count | None = None
    representation: Literal["task", "verification"] = "task"
    slices: Annotated[int, Field(ge=1, le=1000)] = 5
    log_range: Annotated[float, Field(gt=0, le=80)] = 7.0
    hidden: Annotated[int, Field(ge=1, le=1000)] = 20
    fast_gain: Positive = 0.1
    attention_scale: Positive = 1.0
    rounds: Rounds = 1
    accepts: ClassVar[tuple[Answers, ...]] = ("actions", "classes", "numbers")
    only: ClassVar[Only] = {
        "rounds": (("actions",), "a supervised task has one support: learner.rounds is 1"),
        "channels": (("classes",), "learner.channels is for tasks of kind fewshot"),
        "representation": (
            ("classes",),
            "learner.representation verification wants classes: tasks of kind fewshot",
        ),
    }

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        if not policy.hidden:
            raise ValueError("learner metanet has its keys in the last hidden layer: policy.hidden is empty")

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory import MetaNet, as_it_is, conv_network, dense_network, gaussian
        from agents.objectives import score_function

        options = self.model_dump(exclude={"kind", "channels"})
        if problem.answers == "actions":
            policy = problem.policy
            network = dense_network(
                problem.inputs, problem.space.act, policy.hidden, last_gain=0.1
            )  # at first it stays
            outer = problem.penalized_objective()
            return MetaNet(network, network, gaussian, score_function, outer, init_std=policy.init_std, **options)
        network = dense_network(1, 1, WAVE_HIDDEN)
        if problem.answers == "classes":
            network = conv_network(problem.way, self.channels or 64)
        return MetaNet(network, network, as_it_is, problem.objective, problem.objective, problem.way, **options)
