"""From a config to objects: tasks, learner, outer step, advantages."""

from __future__ import annotations

from typing import Any

from agents.learner import Learner, Objective, Params
from agents.objectives import bits, cross_entropy, kl_to_sampling, mse
from agents.optimization.hierarchical import WithHierarchicalBaseline
from agents.optimization.normalized import WithNormalizedInputs
from agents.problem import Problem
from envs.core import Space, SupervisedTasks, TaskDistribution
from envs.task_settings import Answers, Simulation, TaskSettings
from metarl.config.experiment import Config
from metarl.config.outer_settings import Outer, OuterContext
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.errors import UserError
from metarl.training.collect import AdvantageEstimator

OBJECTIVES: dict[Answers, Objective] = {"classes": cross_entropy, "numbers": mse, "sequences": bits}


def build_tasks(tasks: TaskSettings, simulation: Simulation) -> Any:
    """A distribution of tasks; UserError, in one sentence, where it cannot be built."""
    try:
        return tasks.build(simulation)
    except (ValueError, FileNotFoundError) as error:
        raise UserError(f"tasks: {error}") from None


def build_family(config: Config, simulator: str = "cpu", device: str = "cpu") -> Any:
    """The distribution of a config; robots are simulated by `simulator`, which is on `device` where it is `gpu`."""
    train = config.train
    assert simulator in ("cpu", "gpu")
    return build_tasks(config.tasks, Simulation(train.num_threads, simulator, device, train.deterministic))  # type: ignore[arg-type]  # checked above


def build_learner(config: Config, family: TaskDistribution | SupervisedTasks) -> Learner[Any]:
    """The learner with its network and objectives; UserError, in one sentence, where it cannot be built."""
    problem = build_problem(config, family)
    try:
        learner = config.learner.build(problem)
    except ValueError as error:
        raise UserError(str(error)) from None
    if getattr(config.learner, "normalize_inputs", False):
        learner = WithNormalizedInputs(learner, problem.inputs, learner.rounds)
    if config.advantage.baseline == "linear":
        return learner
    return WithHierarchicalBaseline(learner, problem.inputs, learner.rounds)


def build_problem(config: Config, family: TaskDistribution | SupervisedTasks) -> Problem:
    """What a learner needs to know of the tasks and of the outer step."""
    answers, way = config.tasks.answers, config.tasks.outputs
    if config.tasks.is_supervised:
        return supervised_problem(config.tasks, family.space)
    described = len(getattr(family, "descriptor_names", ())) + family.space.privileged
    observed = described if config.learner.observes_task else 0
    return Problem(
        answers,
        family.space,
        config.outer.surrogate(),
        way,
        observed,
        kl_to_sampling,
        config.outer.penalty_coef,
        getattr(config.outer, "value_coef", 0.5),
        config.policy,
        described,
        config.advantage.gamma,
    )


def supervised_problem(tasks: TaskSettings, space: Space) -> Problem:
    """The same of tasks with labels, for which their settings suffice."""
    image = (1, 28) if tasks.image_size is None else (tasks.image_channels, tasks.image_size)
    return Problem(tasks.answers, space, OBJECTIVES[tasks.answers], tasks.outputs, image=image)


def build_outer(
    config: Config,
    learner: Learner[Any],
    theta: Params,
    family: TaskDistribution | SupervisedTasks,
    ranks: Ranks = SINGLE_PROCESS,
) -> Outer:
    """The outer step on tasks of a family, of all `ranks` together."""
    train = config.train
    context = OuterContext(
        learner,
        theta,
        ranks,
        train.num_tasks,
        train.iterations,
        train.episodes * family.horizon,
        config.tasks.pixels,
        train.episodes,
        family,
        config.advantage,
        config.seed,
    )
    return config.outer.build(context)


def build_advantage_estimator(config: Config) -> AdvantageEstimator:
    """Discount, GAE's lambda, and whether time cuts an episode or ends it."""
    return AdvantageEstimator(config.advantage.gamma, config.advantage.gae_lambda, config.advantage.bootstrap)
