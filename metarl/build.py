"""From settings to objects: the only place that knows which class a name in a config stands for."""

from __future__ import annotations

from torch import Tensor

from agents.baselines import Joint
from agents.embeddings import Conv4, ConvClassifier
from agents.learner import FewShotLearner, Learner, Network, Objective, Params
from agents.metric import Matching, Prototypical, Relation, Siamese
from agents.networks import GaussianMLP, RegressionMLP
from agents.objectives import clipped_policy_gradient, cross_entropy, kl_to_sampling, mse, policy_gradient, with_penalty
from agents.optimization import MAML, Reptile, Supervised
from envs import families
from envs.core import Lessons, TaskDistribution, Variable
from envs.fewshot import glyphs, omniglot
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.images import SPLITS
from envs.fewshot.sinusoid import Sinusoid
from envs.locomotion import Locomotion
from envs.point import PointNavigation
from metarl import schema
from metarl.collect import Credit
from metarl.errors import UserError
from metarl.outer import TRPO, Gradient, HasLoss, Outer


def build_family(config: schema.Config) -> TaskDistribution:
    """The distribution of tasks."""
    tasks = config.tasks
    assert not isinstance(tasks, schema.Supervised)  # those have a trainer of their own
    try:
        return _family(tasks, config.train.num_threads)
    except ValueError as error:
        raise UserError(f"tasks: {error}") from None


def _family(tasks: schema.LocomotionTasks | schema.NamedTasks | schema.PointTasks, threads: int) -> TaskDistribution:
    if isinstance(tasks, schema.PointTasks):
        return PointNavigation(tasks.horizon, tasks.action_scale)
    if isinstance(tasks, schema.NamedTasks):
        given = {k: v for k, v in tasks.model_dump(exclude={"kind", "name"}).items() if v is not None}
        return families.build_family(tasks.name, num_threads=threads, **given)
    return Locomotion(
        tasks.robot,
        tuple(Variable(name, v.intervals(), v.beyond(), v.law, v.each) for name, v in tasks.vary.items()),
        physics=tasks.physics,
        horizon=tasks.horizon,
        action_scale=tasks.action_scale,
        ctrl_cost=tasks.ctrl_cost,
        alive_bonus=tasks.alive_bonus,
        num_threads=threads,
    )


def build_lessons(tasks: schema.Supervised) -> Lessons:
    """Supervised tasks. UserError where there is no data, or too little in it."""
    return Sinusoid(tasks.shot, tasks.query, tasks.variant) if tasks.kind == "sinusoid" else build_images(tasks)


def build_images(tasks: schema.FewShotTasks, data: str | None = None) -> FewShotImages:
    """Few-shot tasks; `data` is where the packed file lies. UserError where there is none, or too little in it."""
    try:
        if tasks.data == "omniglot":
            images = omniglot.load(data, splits=tasks.splits, resize=tasks.resize)
        else:
            images = glyphs.load()
        turns = SPLITS if tasks.turn_test_classes else SPLITS[:1]
        return FewShotImages(images, tasks.way, tasks.shot, tasks.query, turns)
    except (ValueError, FileNotFoundError) as error:
        raise UserError(f"tasks: {error}") from None


def build_few_shot_learner(config: schema.Config) -> FewShotLearner:
    """A learner that compares."""
    s, tasks = config.learner, config.tasks
    assert isinstance(tasks, schema.Supervised)
    if isinstance(s, schema.MamlLearner | schema.ReptileLearner):
        return _by_gradient(s, tasks)
    assert isinstance(tasks, schema.FewShotTasks)
    assert isinstance(s, schema.MetricLearner)  # the schema sees to it
    if isinstance(s, schema.RelationLearner):
        return Relation(tasks.way, s.bn)
    embedding = Conv4(s.embedding.channels, s.embedding.down)
    if isinstance(s, schema.MatchingLearner):
        return Matching(embedding, tasks.way, s.bn, s.distance, s.fce, s.reads)
    return (Siamese if isinstance(s, schema.SiameseLearner) else Prototypical)(embedding, tasks.way, s.bn)


def _by_gradient(s: schema.MamlLearner | schema.ReptileLearner, tasks: schema.Supervised) -> Supervised:
    objective: Objective
    if isinstance(tasks, schema.FewShotTasks):
        embedding = s.embedding or schema.EmbeddingNet(down="stride")
        network: Network[Tensor] = ConvClassifier(Conv4(embedding.channels, embedding.down), tasks.way)
        way, objective = tasks.way, cross_entropy
    else:
        network, way, objective = RegressionMLP(), 1, mse
    if isinstance(s, schema.ReptileLearner):
        return Supervised(Reptile(network, objective, s.inner_lr, s.inner_steps), way, s.test_steps or 50)
    learner = MAML(
        network,
        objective,
        objective,
        s.inner_lr,
        s.inner_steps,
        first_order=s.first_order,
        learn_inner_lr=s.learn_inner_lr,
    )
    return Supervised(learner, way, s.test_steps or 3)


def build_learner(config: schema.Config, family: TaskDistribution) -> Learner:
    """The learner with its network and objectives."""
    s, outer = config.learner, config.outer
    sees_task = s.kind == "oracle"
    inputs = family.space.obs + (len(family.descriptor_names) if sees_task else 0)
    network = GaussianMLP(inputs, family.space.act, config.policy.hidden, config.policy.init_std)
    judged = clipped_policy_gradient(outer.clip_coef) if isinstance(outer, schema.PpoOuter) else policy_gradient
    if isinstance(s, schema.ReptileLearner):
        return Reptile(network, policy_gradient, s.inner_lr, s.inner_steps, s.rounds)
    penalty = outer.kl_coef if isinstance(outer, schema.PpoOuter) else 0.0
    if isinstance(s, schema.MamlLearner):
        return MAML(
            network,
            policy_gradient,
            judged,
            s.inner_lr,
            s.inner_steps,
            s.rounds,
            s.first_order,
            s.learn_inner_lr,
            support_penalty=kl_to_sampling if penalty else None,
            penalty_coef=penalty,
        )
    return Joint(network, with_penalty(judged, kl_to_sampling, penalty), sees_task)


def build_outer(config: schema.Config, learner: Learner, theta: Params) -> Outer:
    """The outer step."""
    s = config.outer
    if isinstance(s, schema.TrpoOuter):
        return TRPO(
            learner,
            max_kl=s.max_kl,
            cg_iterations=s.cg_iterations,
            damping=s.damping,
            line_search_steps=s.line_search_steps,
        )
    if isinstance(s, schema.PpoOuter):
        return Gradient(
            learner, theta, outer_lr=s.outer_lr, num_epochs=s.num_epochs, max_grad_norm=s.max_grad_norm, max_kl=s.max_kl
        )
    return build_gradient(config, learner, theta)


def build_gradient(config: schema.Config, learner: HasLoss, theta: Params) -> Gradient:
    """One optimiser step on the learner's own loss."""
    s = config.outer
    assert isinstance(s, schema.GradientOuter)
    return Gradient(
        learner,
        theta,
        outer_lr=s.outer_lr,
        optimizer=s.optimizer,
        max_grad_norm=s.max_grad_norm,
        halve_every=s.halve_every,
    )


def build_credit(config: schema.Config) -> Credit:
    """How actions get their credit."""
    return Credit(config.credit.gamma, config.credit.gae_lambda)
