"""A network with a memory, made into the learner that the tasks ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.learner import Learner
from agents.memory.rl2 import RL2
from agents.memory.stream import SIDE, Stream, flatten_images, identity, numbers_as_labels, one_hot_labels
from agents.memory.transcriber import Transcriber
from agents.nn.cores import Core
from agents.nn.perceptrons import TanhMLP
from agents.problem import Problem


def build_with_core(
    build_core: Callable[[int], Core], rounds: int, memory_reset: str, problem: Problem
) -> Learner[Any]:
    """build_core: the core for a number of inputs. A policy, a reader of streams, or a transcriber of sequences."""
    match problem.answers:
        case "classes":
            core = build_core(SIDE * SIDE + problem.way)
            return Stream(core, flatten_images, one_hot_labels, problem.objective, problem.way)
        case "numbers":
            return Stream(build_core(2), identity, numbers_as_labels, problem.objective, 1)
        case "sequences":
            return Transcriber(build_core(problem.space.obs), problem.space.act)
    observed = (
        problem.space.obs + problem.space.act + 2
    )  # with the last action and reward, and whether an episode ended
    core = build_core(observed)
    features = core.dim + observed
    acting, value = problem.policy.build(features, problem.space), TanhMLP(features, *problem.policy.hidden, 1)
    outer = problem.penalized_objective()
    return RL2(core, observed, acting, value, outer, problem.value_coef, rounds, memory_reset)
