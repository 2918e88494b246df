"""The contract of every learner.

    phi = adapt(theta, phi, support)     # what is formed within one task, from experience
    out = apply(theta, phi, x)           # what to answer, or how to act, now

`theta` is carried from task to task, `phi` lives and dies with one task. Learners are written for one task and are
pure: the task axis is added outside by `torch.func.vmap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from agents.advantages import AllReduceSum
from agents.distributions import Policy
from agents.settings import PolicySettings
from envs.core import Examples, Space
from envs.task_settings import Answers

Params = dict[str, Tensor]


def device_of(params: Params) -> torch.device:
    """Where parameters are; the processor where there are none."""
    return next((v.device for v in params.values()), torch.device("cpu"))


class Transitions(NamedTuple):
    """Trajectories of one task as a learner sees them, with the credit of each action worked out."""

    x: Tensor  # [T, E, O]
    act: Tensor  # [T, E, A]
    logp: Tensor  # [T, E] when sampled
    mean: Tensor  # [T, E, A] of the sampling policy
    log_std: Tensor  # [T, E, A] of the sampling policy
    adv: Tensor  # [T, E]
    alive: Tensor  # [T, E] bool
    ret: Tensor  # [T, E] the return to come, which a value head is to tell


class Episode(NamedTuple):
    """One task's experience: data to adapt on, round by round, then data to be judged on."""

    support: tuple[Transitions, ...]
    query: Transitions


class SupervisedTask(NamedTuple):
    """One supervised task: examples to adapt on, then examples to be judged on."""

    support: tuple[Examples, ...]
    query: Examples


Data = Transitions | Examples
Out = TypeVar("Out", Policy, Tensor, covariant=True)
"""What a network answers: a distribution over actions, or logits."""


class Network(Protocol[Out]):
    """A pure function of parameters and input."""

    def init(self, generator: torch.Generator) -> Params: ...

    def __call__(self, params: Params, x: Tensor) -> Out: ...


Objective = Callable[[Any, Any], Tensor]
"""(out, data) -> scalar to be minimised: of distributions and transitions, or of logits and examples."""


Exploration = Callable[[Any, Any, Any], Tensor]
"""(out on the support, support, query) -> scalar to be minimised: of what was done before adaptation, by what came of
it."""


class Learner(Generic[Out]):
    """What learns. Subclass it, give `init`, `adapt`, `apply` and `loss`, and leave the rest as it is.

    All methods are pure functions of one task; the task axis is added outside by `torch.func.vmap`.

    rounds: batches of experience that `adapt` is given within one task.
    observes_task: whether x carries the true task parameters, which is for baselines only.
    is_recurrent: whether it adapts while it acts (`RecurrentLearner`).
    way: classes of a task, of those that tell classes apart. fixed_way: whether its last layer has a place for each.
    bn, bn_choices: which statistics normalise a batch of images, and which may (`agents.nn.embeddings`).
    takes_steps: whether a supervised task is adapted to by `test_steps` gradient steps.
    chunks_tasks: whether a CPU differentiates few tasks at once, because they fall out of its caches.
    items_at_once: support items evaluated at once, where each has a network of its own; 0 for any number.
    """

    rounds: int = 1
    observes_task: bool = False
    is_recurrent: ClassVar[bool] = False
    way: int = 1
    fixed_way: ClassVar[bool] = False
    bn: str = "none"
    bn_choices: ClassVar[tuple[str, ...]] = ()
    takes_steps: ClassVar[bool] = False
    chunks_tasks: ClassVar[bool] = False
    items_at_once: ClassVar[int] = 0

    def init(self, generator: torch.Generator) -> Params:
        """A fresh theta."""
        raise NotImplementedError

    def initial_state(self, theta: Params) -> Params:
        """phi before any experience."""
        return {}

    def adapt(self, theta: Params, phi: Params, support: Any) -> Params:
        """phi after one more batch of experience (`Transitions` [T, E, ...], or `Examples` [S, ...])."""
        raise NotImplementedError

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        """How to act on x [..., O], or logits [Q, way], or numbers."""
        raise NotImplementedError

    def loss(self, theta: Params, data: Any) -> Tensor:
        """The meta-objective of one task (`Episode`, or `SupervisedTask`), a scalar."""
        raise NotImplementedError

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Statistics of batch normalisation on a training task; nothing where there are none."""
        return {}

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with the scale of returns that data show, before an outer step; it acts and predicts as it did.

        all_reduce_sum: over all processes that have such data.
        """
        return theta

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with running statistics of its inputs, after an outer step."""
        return theta


class RecurrentLearner(Learner[Policy]):
    """A learner that adapts while it acts: its memory moves with every step of a trial of `rounds` + 1 episodes.

    Its input, I wide, is the observation, the last action, the reward for that, and whether an episode ended with it:
    zeros at the start of a trial. memory_reset: whether the memory lasts for a `trial` of several episodes, or for one
    `episode`.
    """

    is_recurrent: ClassVar[bool] = True
    memory_reset: str = "trial"

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """Input [..., I] -> a new memory, and how to act."""
        raise NotImplementedError

    def value(self, theta: Params, x: Tensor) -> Tensor:
        """Inputs of whole trials [L, B, I] -> the return expected at every step [L, B]."""
        raise NotImplementedError


class Problem(NamedTuple):
    """All that building a learner needs.

    objective: minimised by the outer step: of acting learners the surrogate with an entropy bonus, else cross entropy,
    squared error or bits. penalty, penalty_coef: KL to the policy that sampled, and its weight.
    """

    answers: Answers
    space: Space
    objective: Objective
    way: int = 1
    descriptor_size: int = 0  # task parameters that a learner which observes the task has behind its observation
    penalty: Objective | None = None
    penalty_coef: float = 0.0
    value_coef: float = 0.5
    policy: PolicySettings = PolicySettings()

    @property
    def is_supervised(self) -> bool:
        return self.answers != "actions"

    @property
    def inputs(self) -> int:
        """Width of what a policy observes."""
        return self.space.obs + self.descriptor_size

    def policy_network(self, extra_inputs: int = 0) -> Any:
        """The policy's network, of `extra_inputs` more numbers where a learner adds some."""
        return self.policy.build(self.inputs + extra_inputs, self.space)

    def penalized_objective(self) -> Objective:
        """The objective with the penalty added, for learners whose sampling policy is the one that is trained."""
        if self.penalty is None or self.penalty_coef == 0:
            return self.objective
        objective, penalty, coef = self.objective, self.penalty, self.penalty_coef
        return lambda out, data: objective(out, data) + coef * penalty(out, data)


def adapt_rounds(learner: Learner[Any], theta: Params, support: tuple[Transitions, ...]) -> Params:
    """phi after every round of `support`."""
    phi = learner.initial_state(theta)
    for data in support:
        phi = learner.adapt(theta, phi, data)
    return phi


def post_adaptation_objective(learner: Learner[Any], objective: Objective) -> Callable[[Params, Episode], Tensor]:
    """`objective` on the query data, as a function of theta through every adaptation round."""

    def judge(theta: Params, episode: Episode) -> Tensor:
        phi = adapt_rounds(learner, theta, episode.support)
        return objective(learner.apply(theta, phi, episode.query.x), episode.query)

    return judge


class GradientLearner(Learner[Out]):
    """A learner whose outer objective is that of its adapted parameters."""

    def adapt_with_output(self, theta: Params, phi: Params, support: Any) -> tuple[Params, Out]:
        """`adapt`, and what `apply` gives on the support before it, from the pass that adapting makes anyway."""
        raise NotImplementedError


def post_adaptation_loss(
    learner: GradientLearner[Any],
    theta: Params,
    episode: Episode | SupervisedTask,
    outer: Objective,
    penalty: Objective | None,
    coef: float,
    exploration: Exploration | None = None,
    each_round: bool = False,
) -> Tensor:
    """`outer` on the query data after every adaptation round, plus coef times the mean of `penalty` over the rounds,
    each on its support data under the weights that met it, plus the sum of `exploration` over them.

    each_round: the mean of `outer` after each of the rounds, of all but the last on what the next adapts on.
    """
    phi, paid, explored, judged = learner.initial_state(theta), torch.zeros(()), torch.zeros(()), torch.zeros(())
    asked = penalty is not None or exploration is not None or each_round
    for support in episode.support:
        phi, met = (
            learner.adapt_with_output(theta, phi, support) if asked else (learner.adapt(theta, phi, support), None)
        )
        if each_round and support is not episode.support[0]:
            judged = judged + outer(met, support)
        if penalty is not None:
            paid = paid + penalty(met, support)
        if exploration is not None:
            explored = explored + exploration(met, support, episode.query)
    judged = judged + outer(learner.apply(theta, phi, episode.query.x), episode.query)
    rounds = max(len(episode.support), 1)
    return judged / (rounds if each_round else 1) + coef * paid / rounds + explored


Experience = TypeVar("Experience", Episode, SupervisedTask)


def mean_over_tasks(loss: Callable[[Params, Experience], Tensor], theta: Params, episodes: Experience) -> Tensor:
    """Mean of a one-task loss over the task axis of `episodes` [N, ...]: the only place where that axis is added."""
    if len(episodes.query[0]) == 1:  # faster without an axis
        return loss(theta, map_tensors(episodes, lambda t: t[0]))
    return torch.func.vmap(loss, in_dims=(None, 0))(theta, episodes).mean()


def map_tensors(episodes: Experience, change: Callable[[Tensor], Tensor]) -> Experience:
    """The same experience with every tensor changed alike."""
    changed = [type(data)(*map(change, data)) for data in (*episodes.support, episodes.query)]
    return type(episodes)(tuple(changed[:-1]), changed[-1])
