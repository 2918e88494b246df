"""What a learner is built for."""

from __future__ import annotations

from typing import Any, NamedTuple

from agents.network_settings import PolicySettings
from agents.objectives import with_penalty
from agents.records import Objective
from envs.core import Space
from envs.task_settings import Answers


class Problem(NamedTuple):
    """Everything needed to build a learner from its settings.

    objective: minimised by the outer step: the policy surrogate with an entropy bonus, or cross entropy, squared error
        or bits of a supervised task.
    way: outputs of a supervised task.
    descriptor_size: number of task parameters appended to the observation, for learners that observe the task.
    critic_descriptor: number of those that a value function may observe. gamma: the discount.
    image: channels and pixels of a side, of tasks with images.
    penalty, penalty_coef: KL divergence to the policy that sampled, and its weight.
    """

    answers: Answers
    space: Space
    objective: Objective
    way: int = 1
    descriptor_size: int = 0
    penalty: Objective | None = None
    penalty_coef: float = 0.0
    value_coef: float = 0.5
    policy: PolicySettings = PolicySettings()
    critic_descriptor: int = 0
    gamma: float = 0.99
    image: tuple[int, int] = (1, 28)

    @property
    def is_supervised(self) -> bool:
        return self.answers != "actions"

    @property
    def inputs(self) -> int:
        """Width of the policy's input."""
        return self.space.obs + self.descriptor_size

    def policy_network(self, extra_inputs: int = 0) -> Any:
        """The policy network, with `extra_inputs` inputs added by the learner."""
        return self.policy.build(self.inputs + extra_inputs, self.space)

    def penalized_objective(self) -> Objective:
        """The objective plus the penalty, for learners that train the same policy that samples."""
        if self.penalty is None:
            return self.objective
        return with_penalty(self.objective, self.penalty, self.penalty_coef)
