"""The interface of every learner.

    phi = adapt(theta, phi, support)     # what is formed within one task, from experience
    out = apply(theta, phi, x)           # what to predict, or how to act, now
    loss(theta, data) -> scalar          # what training minimises

`theta` is carried from task to task; `phi` exists within one task. Learners are written for one task, as pure
functions: the task axis is added outside by `torch.func.vmap` (`mean_over_tasks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic

import torch
from torch import Tensor

from agents.advantages import AllReduceSum
from agents.distributions import Policy
from agents.linear_prior import LinearPrior
from agents.records import (
    NOISE,
    Context,
    Data,
    Episode,
    Experience,
    Exploration,
    Network,
    Objective,
    Out,
    Params,
    StoredState,
    SupervisedTask,
    Transitions,
    device_of,
    map_tensors,
    mean_over_tasks,
)

__all__ = [
    "NOISE",
    "Context",
    "Data",
    "Episode",
    "Experience",
    "Exploration",
    "GradientLearner",
    "Learner",
    "Network",
    "Objective",
    "OnPolicyLearner",
    "Out",
    "Params",
    "RecurrentLearner",
    "SupervisedTask",
    "Transitions",
    "adapt_rounds",
    "device_of",
    "map_tensors",
    "mean_over_tasks",
    "post_adaptation_loss",
    "post_adaptation_objective",
]


class Learner(Generic[Out]):
    """A learning algorithm. Subclasses define `init`, `adapt`, `apply` and `loss`; the rest has defaults.

    All methods are pure functions of one task.

    rounds: batches of support data that `adapt` is given within one task.
    observes_task: True if x contains the true task parameters (baselines only).
    is_recurrent: True if the learner adapts at every step that it acts (`RecurrentLearner`).
    way: classes of a classification task. fixed_way: True if the output layer is built for exactly `way` classes.
    bn: the statistics of batch normalisation in use. bn_choices: those it supports (`agents.nn.embeddings`).
    takes_steps: True if a supervised task is adapted to by `test_steps` gradient steps.
    chunks_tasks: True if a CPU should differentiate few tasks at a time, because more do not fit its caches.
    adapts_on_rewards: True if `adapt` is given the steps of episodes with their rewards (`Context`), no advantages.
    items_at_once: support items processed at once, by learners with separate weights for each item; 0: no limit.
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
    adapts_on_rewards: ClassVar[bool] = False
    items_at_once: ClassVar[int] = 0

    def init(self, generator: torch.Generator) -> Params:
        """Initial theta."""
        raise NotImplementedError

    def initial_state(self, theta: Params) -> Params:
        """phi before any experience of the task."""
        return {}

    def adapt(self, theta: Params, phi: Params, support: Any) -> Params:
        """phi after one more batch of support data (`Transitions` or `Context` [T, E, ...], or `Examples` [S, ...])."""
        raise NotImplementedError

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        """An action distribution for x [..., O], or logits or numbers [Q, way] for query inputs x [Q, ...]."""
        raise NotImplementedError

    def apply_to(self, theta: Params, phi: Params, data: Any) -> Out:
        """Of `apply` on query data [L, ...], by whatever part of the learner acted when they were sampled."""
        return self.apply(theta, phi, data.x)

    def loss(self, theta: Params, data: Any) -> Tensor:
        """The meta-objective of one task (`Episode` or `SupervisedTask`), scalar."""
        raise NotImplementedError

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Batch normalisation statistics of a training task; empty for networks without them."""
        return {}

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with running statistics of returns updated, before an outer step; its predictions do not change.

        all_reduce_sum: the sum over all processes that hold a part of the data.
        """
        return theta

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        """theta with running statistics of inputs updated, after an outer step."""
        return theta

    def update_baseline(self, theta: Params, episode: Any, all_reduce_sum: AllReduceSum) -> Params:
        """theta with what it carries of a baseline updated by an iteration's tasks [N, ...], after an outer step."""
        return theta

    def baseline_prior(self, theta: Params, round: int) -> LinearPrior | None:
        """The distribution over tasks of a linear baseline's weights, where the learner carries one."""
        return None


class OnPolicyLearner(Learner[Policy]):
    """A learner that does not adapt in training: it learns from segments, in which one episode follows another, by
    minibatches of single steps, with a value function.
    """

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        """Inputs [..., I], true parameters of their tasks [..., P] -> predicted return to go [...]."""
        raise NotImplementedError


class RecurrentLearner(Learner[Policy]):
    """A learner that adapts while it acts: its memory changes at every step of a trial of `rounds` + 1 episodes.

    Its input [..., I] is the observation, the last action and reward, and whether an episode has just ended; the last
    three are zero at the start of a trial.

    memory_reset: when the memory is reset, at the start of every `trial` or of every `episode`.
    trial_unit: a trial in training has `rounds` + 1 `episodes`, or at most as many `steps` with automatic resets.
    bptt_steps: errors are carried back over as many steps of a trial (`metarl.training.chunks`); 0 takes whole trials.
    informed: the share of worlds in which its input in training holds more: a 1, then what is privileged in the state
        and the true parameters of the task; other worlds have a 0 and the same. 0: it is never told.
    """

    is_recurrent: ClassVar[bool] = True
    memory_reset: str = "trial"
    trial_unit: str = "episodes"
    bptt_steps: int = 0
    informed: float = 0.0

    @property
    def restarts(self) -> bool:
        """Whether in training another episode follows at once where one has ended."""
        return self.trial_unit == "steps" and self.memory_reset == "trial"

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """Input [..., I] -> the next memory and an action distribution."""
        raise NotImplementedError

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        """Whole trials [L, B, I], true parameters of their tasks [L, B, P] -> predicted return to go [L, B]."""
        raise NotImplementedError

    def states_before(self, theta: Params, x: Tensor, every: int) -> Tensor:
        """The state before steps 0, every, 2 every, ... of whole trials [L, B, I], each in a row, [C, B, M]."""
        raise NotImplementedError


def adapt_rounds(learner: Learner[Any], theta: Params, support: tuple[Data | StoredState, ...]) -> Params:
    """phi after adapting on every batch of `support` in turn."""
    phi = learner.initial_state(theta)
    for data in support:
        phi = learner.adapt(theta, phi, data)
    return phi


def post_adaptation_objective(learner: Learner[Any], objective: Objective) -> Callable[[Params, Episode], Tensor]:
    """`objective` on the query data after adaptation, as a function of theta; differentiable through adaptation."""

    def query_objective(theta: Params, episode: Episode) -> Tensor:
        phi = adapt_rounds(learner, theta, episode.support)
        return objective(learner.apply_to(theta, phi, episode.query), episode.query)

    return query_objective


class GradientLearner(Learner[Out]):
    """A learner whose loss is an outer objective of its adapted parameters (`post_adaptation_loss`)."""

    def adapt_with_output(self, theta: Params, phi: Params, support: Any) -> tuple[Params, Out]:
        """`adapt`, and the output of `apply` on the support data before it, reusing the same forward pass."""
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
    """`outer` on the query data after all adaptation rounds, plus the terms on the support data, scalar.

    The terms are coef times the mean of `penalty` over the rounds, and the sum of `exploration` over them; each is
    evaluated with the parameters before its round.

    each_round: average `outer` over the parameters after each round; all but the last are evaluated on the support data
        of the following round.
    """
    phi, total = learner.initial_state(theta), torch.zeros(())
    penalties, explorations = torch.zeros(()), torch.zeros(())
    needs_output = penalty is not None or exploration is not None or each_round
    for support in episode.support:
        if needs_output:
            phi, out = learner.adapt_with_output(theta, phi, support)
        else:
            phi, out = learner.adapt(theta, phi, support), None
        if each_round and support is not episode.support[0]:
            total = total + outer(out, support)
        if penalty is not None:
            penalties = penalties + penalty(out, support)
        if exploration is not None:
            explorations = explorations + exploration(out, support, episode.query)
    total = total + outer(learner.apply(theta, phi, episode.query.x), episode.query)
    rounds = max(len(episode.support), 1)
    return total / (rounds if each_round else 1) + coef * penalties / rounds + explorations
