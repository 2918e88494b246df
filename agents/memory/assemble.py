"""A network with a memory, made into the learner that the tasks ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.learner import Learner, Problem
from agents.memory.rl2 import RL2
from agents.memory.stream import SIDE, Stream, flatten_images, identity, numbers_as_labels, one_hot_labels
from agents.memory.transcriber import Transcriber
from agents.nn.cores import Core
from agents.nn.perceptrons import TanhMLP


def with_memory(core_of: Callable[[int], Core], rounds: int, memory_reset: str, problem: Problem) -> Learner[Any]:
    """core_of: the core for a number of inputs. A policy, a reader of streams, or a transcriber of sequences."""
    match problem.answers:
        case "classes":
            core = core_of(SIDE * SIDE + problem.way)
            return Stream(core, flatten_images, one_hot_labels, problem.objective, problem.way)
        case "numbers":
            return Stream(core_of(2), identity, numbers_as_labels, problem.objective, 1)
        case "sequences":
            return Transcriber(core_of(problem.space.obs), problem.space.act)
    observed = (
        problem.space.obs + problem.space.act + 2
    )  # with the last action and reward, and whether an episode ended
    core = core_of(observed)
    features = core.dim + observed
    acting, value = problem.policy.build(features, problem.space), TanhMLP(features, *problem.policy.hidden, 1)
    outer = problem.penalized_objective()
    return RL2(core, observed, acting, value, outer, problem.value_coef, rounds, memory_reset)
