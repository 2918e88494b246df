"""Builds a learner for any kind of tasks from a recurrent core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.distributions import Policy
from agents.learner import Learner, Network
from agents.memory.rl2 import RL2
from agents.memory.stream import SIDE, Stream, flatten_images, identity, numbers_as_labels, one_hot_labels
from agents.memory.transcriber import Transcriber
from agents.nn.cores import Core
from agents.problem import Problem


def build_with_core(
    build_core: Callable[[int], Core],
    trials: dict[str, Any],
    problem: Problem,
    build_policy: Callable[[Core, int], Network[Policy]] | None = None,
) -> Learner[Any]:
    """A recurrent policy, a stream of labelled examples, or a transcriber of sequences, as the problem requires.

    build_core: builds the core for a number of inputs. trials: what a trial of a policy is, options of `RL2`.
    build_policy: builds a policy of a core's features and so many inputs; by default a perceptron of both.
    """
    match problem.answers:
        case "classes":
            core = build_core(problem.image[0] * SIDE * SIDE + problem.way)
            return Stream(core, flatten_images, one_hot_labels, problem.objective, problem.way)
        case "numbers":
            return Stream(build_core(2), identity, numbers_as_labels, problem.objective, 1)
        case "sequences":
            return Transcriber(build_core(problem.space.obs), problem.space.act)
    inputs = problem.space.obs + problem.space.act + 2  # previous action and reward, and whether an episode ended
    core = build_core(inputs)
    features = core.dim + inputs
    policy = build_policy(core, inputs) if build_policy else problem.policy.build(features, problem.space)
    critic = problem.policy.build_critic(features, problem.critic_descriptor)
    outer = problem.penalized_objective()
    return RL2(core, inputs, policy, critic, outer, problem.value_coef, **trials)
