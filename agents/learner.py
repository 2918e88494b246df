"""The contract of every learner.

    phi = adapt(theta, phi, support)     # what is formed within one task, from experience
    out = apply(theta, phi, x)           # what to answer, or how to act, now

`theta` is carried from task to task, `phi` lives and dies with one task. Learners are written for one task and are
pure: the task axis is added outside by `torch.func.vmap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from agents.advantages import AllReduceSum
from agents.distributions import Policy
from envs.core import Examples

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


class Learner(Protocol):
    """What the trainer needs from anything that learns."""

    @property
    def rounds(self) -> int:
        """Batches of experience that `adapt` is given within one task."""

    @property
    def observes_task(self) -> bool:
        """Whether x carries the true task parameters: the oracle, and nobody else."""

    def init(self, generator: torch.Generator) -> Params:
        """A fresh theta."""

    def initial_state(self, theta: Params) -> Params:
        """phi before any experience."""

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        """phi after one more batch of experience."""

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        """How to act on x [..., O]."""

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        """The meta-objective of one task, a scalar."""


@runtime_checkable
class RecurrentLearner(Learner, Protocol):
    """A learner that adapts while it acts: its memory moves with every step of a trial of `rounds` + 1 episodes.

    What it sees, I wide, is the observation, its last action, the reward for that, and whether an episode ended with
    it: zeros at the start of a trial.
    """

    @property
    def memory_reset(self) -> str:
        """Whether the memory lasts for a `trial` of several episodes, or for one `episode`."""

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """What is seen [..., I] -> a new memory, and how to act."""

    def value(self, theta: Params, x: Tensor) -> Tensor:
        """What is seen in whole trials [L, B, I] -> the return expected at every step [L, B]."""

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with the scale of returns that data [L, B] show, before it learns from them; it acts and expects as it
        did. `total` sums over all who have such data.
        """

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with the statistics of what was seen, once it has learned from it."""


class FewShotLearner(Protocol):
    """What training and judging need from a learner that tells classes apart."""

    @property
    def way(self) -> int:
        """Classes of a task."""

    @property
    def bn(self) -> str:
        """Which statistics normalise (see `agents.nn.embeddings`)."""

    def init(self, generator: torch.Generator) -> Params:
        """A fresh theta."""

    def initial_state(self, theta: Params) -> Params:
        """phi before any example."""

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """phi after the support."""

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits [Q, way]."""

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """The meta-objective of one task, a scalar."""

    def measure(self, theta: Params, task: SupervisedTask) -> Params:
        """Statistics of batch normalisation on a training task."""


def adapt_rounds(learner: Learner, theta: Params, support: tuple[Transitions, ...]) -> Params:
    """phi after every round of `support`."""
    phi = learner.initial_state(theta)
    for data in support:
        phi = learner.adapt(theta, phi, data)
    return phi


def post_adaptation_objective(learner: Learner, objective: Objective) -> Callable[[Params, Episode], Tensor]:
    """`objective` on the query data, as a function of theta through every adaptation round."""

    def judge(theta: Params, episode: Episode) -> Tensor:
        phi = adapt_rounds(learner, theta, episode.support)
        return objective(learner.apply(theta, phi, episode.query.x), episode.query)

    return judge


class GradientLearner(Protocol):
    """A learner that is judged through its adaptation, of whatever it learns from."""

    def initial_state(self, theta: Params) -> Params: ...

    def adapt(self, theta: Params, phi: Params, support: Any) -> Params: ...

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Any: ...

    def adapt_with_output(self, theta: Params, phi: Params, support: Any) -> tuple[Params, Any]:
        """`adapt`, and what `apply` says of the support before it, from the pass that adapting makes anyway."""


def post_adaptation_loss(
    learner: GradientLearner,
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
