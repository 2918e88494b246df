"""Meta networks: fast weights generated from gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.network_settings import PolicySettings
from agents.settings import ONE_SUPPORT, LearnerSettings, Look, Only, Rounds
from envs.settings import Count, Positive
from envs.task_settings import Answers, TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem

REGRESSION_HIDDEN = (40, 40)  # Finn et al. 2017, section 5.1


class Settings(LearnerSettings):
    """Meta networks (Munkhdalai and Yu 2017): a memory of fast weights generated from the support's gradients.

    channels: filters of each convolutional block, 64 by default. representation: loss of the network that computes the
    keys, that of the `task`, `verification` of all pairs of images by a contrastive loss, or `siamese`, the
    cross-entropy of some pairs. slices: parts in which the support is read, or the number of these pairs.
    log_range: gradients below exp(-log_range) are scaled linearly. hidden: units of the networks that generate fast
    weights. fast_gain: initial scale of their outputs. attention_scale: factor of the cosine similarity before the
    softmax. rounds: batches of support episodes (policies only).
    """

    kind: Literal["metanet"] = "metanet"
    names: ClassVar[dict[str, Look]] = {"MetaNet": Look("green", "D")}
    channels: Count | None = None
    representation: Literal["task", "verification", "siamese"] = "task"
    slices: Annotated[int, Field(ge=1, le=1000)] = 5
    log_range: Annotated[float, Field(gt=0, le=80)] = 7.0
    hidden: Annotated[int, Field(ge=1, le=1000)] = 20
    fast_gain: Positive = 0.1
    attention_scale: Positive = 1.0
    rounds: Rounds = 1
    accepts: ClassVar[tuple[Answers, ...]] = ("actions", "classes", "numbers")
    ignores: ClassVar[tuple[tuple[str, str], ...]] = (("policy", "min_std"),)
    only: ClassVar[Only] = {
        "rounds": (("actions",), ONE_SUPPORT),
        "channels": (("classes",), "learner.channels is for tasks of kind fewshot"),
        "representation": (
            ("classes",),
            "learner.representation verification and siamese need classes: tasks of kind fewshot",
        ),
    }

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        if not policy.hidden:
            raise ValueError(
                "learner metanet takes its keys from the last hidden layer: policy.hidden must not be empty"
            )

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory import MetaNet, conv_network, dense_network, gaussian_head, identity_head
        from agents.objectives import score_function

        options = self.model_dump(exclude={"kind", "channels"})
        if problem.answers == "actions":
            policy = problem.policy
            network = dense_network(problem.inputs, problem.space.act, policy.hidden, last_gain=0.1)  # small actions
            outer = problem.penalized_objective()
            return MetaNet(network, network, gaussian_head, score_function, outer, init_std=policy.init_std, **options)
        network = dense_network(1, 1, REGRESSION_HIDDEN)
        if problem.answers == "classes":
            network = conv_network(problem.way, self.channels or 64, image=problem.image)
        return MetaNet(network, network, identity_head, problem.objective, problem.objective, problem.way, **options)
