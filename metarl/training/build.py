"""From settings to objects: the only place that knows which class a name in a config stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor

from agents.baselines.joint import Joint
from agents.learner import FewShotLearner, Learner, Objective, Params, device_of
from agents.memory import (
    GRU,
    LRUA,
    LSTM,
    NTM,
    RL2,
    SNAIL,
    Core,
    MetaNet,
    Stream,
    Transcriber,
    as_it_is,
    conv_network,
    dense_network,
    gaussian,
)
from agents.memory.stream import SIDE, flatten_images, identity, numbers_as_labels, one_hot_labels
from agents.metric import Matching, Prototypical, Relation, Siamese
from agents.nn.embeddings import Conv4, ConvClassifier
from agents.nn.koch import Koch
from agents.nn.perceptrons import CategoricalMLP, GaussianMLP, RegressionMLP, TanhMLP
from agents.objectives import (
    clipped_policy_gradient,
    cross_entropy,
    dice,
    entropy,
    exploration_credit,
    kl_to_sampling,
    mse,
    policy_gradient,
    score_function,
    with_penalty,
)
from agents.optimization import CAVIA, MAML, LstmMetaLearner, Reptile, Supervised
from envs import named as families
from envs.bandit import BernoulliBandit
from envs.core import Space, SupervisedTasks, TaskDistribution, Variable
from envs.fewshot import glyphs, omniglot
from envs.fewshot.copying import Copying
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.images import SPLITS
from envs.fewshot.sinusoid import Sinusoid
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation
from metarl.config import schema
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.errors import UserError
from metarl.training.collect import AdvantageEstimator
from metarl.training.outer import TRPO, Gradient, HasLoss, Outer


def build_family(
    config: schema.Config, simulator: Literal["cpu", "gpu"] = "cpu", device: str = "cpu"
) -> TaskDistribution:
    """The distribution of tasks; robots are simulated by `simulator`, which is on `device` where it is `gpu`."""
    tasks = config.tasks
    assert not isinstance(tasks, schema.Supervised)  # those have a trainer of their own
    options: dict[str, Any] = {"num_threads": config.train.num_threads}
    if simulator == "gpu":
        options |= {"simulator": "gpu", "device": device, "deterministic": config.train.deterministic}
    try:
        return _family(tasks, options)
    except ValueError as error:
        raise UserError(f"tasks: {error}") from None


def _family(
    tasks: schema.LocomotionTasks | schema.NamedTasks | schema.PointTasks | schema.BanditTasks, options: dict[str, Any]
) -> TaskDistribution:
    if isinstance(tasks, schema.BanditTasks):
        return BernoulliBandit(tasks.arms, tasks.pulls)
    if isinstance(tasks, schema.PointTasks):
        return PointNavigation(tasks.horizon, tasks.action_scale)
    if isinstance(tasks, schema.NamedTasks):
        given = {k: v for k, v in tasks.model_dump(exclude={"kind", "name"}).items() if v is not None}
        return families.build_family(tasks.name, **options, **given)
    return Locomotion(
        tasks.robot,
        tuple(Variable(name, v.intervals(), v.beyond(), v.spacing, v.per_element) for name, v in tasks.vary.items()),
        physics=tasks.physics,
        horizon=tasks.horizon,
        action_scale=tasks.action_scale,
        ctrl_cost=tasks.ctrl_cost,
        alive_bonus=tasks.alive_bonus,
        **options,
    )


def build_supervised_tasks(tasks: schema.Supervised) -> SupervisedTasks:
    """Supervised tasks. UserError where there is no data, or too little in it."""
    if isinstance(tasks, schema.SinusoidTasks):
        return Sinusoid(tasks.shot, tasks.query, tasks.variant)
    if isinstance(tasks, schema.CopyTasks):
        return Copying((1, tasks.length), (1, tasks.repeats), tasks.bits)
    return build_images(tasks, distort=tasks.distort)


def build_images(tasks: schema.FewShotTasks, data: str | None = None, distort: bool = False) -> FewShotImages:
    """Few-shot tasks; `data` is where the packed file lies. UserError where there is none, or too little in it.

    Nothing is distorted unless asked for, whatever the settings say: they are about training.
    """
    try:
        if tasks.data == "omniglot":
            images = omniglot.load(data, splits=tasks.splits, size=tasks.size, resize=tasks.resize)
        else:
            images = glyphs.load(size=tasks.size)
        turns = SPLITS if tasks.turn_test_classes else SPLITS[:1]
        return FewShotImages(images, tasks.way, tasks.shot, tasks.query, turns, distort)
    except (ValueError, FileNotFoundError) as error:
        raise UserError(f"tasks: {error}") from None


def build_few_shot_learner(config: schema.Config) -> FewShotLearner:
    """A learner of supervised tasks."""
    s, tasks = config.learner, config.tasks
    assert isinstance(tasks, schema.Supervised)
    if isinstance(s, schema.MemoryLearner):
        return _by_memory(s, tasks)
    assert not isinstance(tasks, schema.CopyTasks)  # the schema sees to it
    if isinstance(s, schema.MamlLearner | schema.ReptileLearner | schema.LstmMetaLearner):
        return _by_gradient(s, tasks)
    if isinstance(s, schema.MetaNetLearner):
        return _metanet(s, tasks)
    assert isinstance(tasks, schema.FewShotTasks)
    assert isinstance(s, schema.MetricLearner)  # the schema sees to it
    if isinstance(s, schema.RelationLearner):
        return Relation(tasks.way, s.bn)
    if isinstance(s, schema.SiameseLearner):
        return _siamese(s, tasks)
    embedding = Conv4(s.embedding.channels, s.embedding.down)
    if isinstance(s, schema.MatchingLearner):
        return Matching(embedding, tasks.way, s.bn, s.distance, s.fce, s.reads)
    return Prototypical(embedding, tasks.way, s.bn)


def _siamese(s: schema.SiameseLearner, tasks: schema.FewShotTasks) -> Siamese:
    l2 = tuple((layer if layer == "distance" else f"{layer}.weight", coef) for layer, coef in s.l2.items())
    if s.network == "koch":
        return Siamese(Koch(), tasks.way, "none", "drawn", l2)
    return Siamese(Conv4(s.embedding.channels, s.embedding.down), tasks.way, s.bn or "running", "near", l2)


PIXELS_AT_ONCE = 1280 * 28 * 28  # of tasks that are differentiated together; more is no faster here, and takes memory
STEPS_AT_ONCE = 10_000  # of a round's episodes; measured on half-cheetah: those of more tasks fall out of the caches
CORES: dict[str, Callable[..., Core]] = {"mann": LRUA, "ntm": NTM, "lstm": LSTM, "gru": GRU, "snail": SNAIL}


def _core(s: schema.MemoryLearner, inputs: int) -> Core:
    return CORES[s.kind](inputs, **s.model_dump(exclude={"kind", "rounds", "memory_reset"}))


def _by_memory(s: schema.MemoryLearner, tasks: schema.Supervised) -> Stream | Transcriber:
    def core(inputs: int) -> Core:
        return _core(s, inputs)

    if isinstance(tasks, schema.FewShotTasks):
        inputs = SIDE * SIDE + tasks.way
        return Stream(core(inputs), flatten_images, one_hot_labels, cross_entropy, tasks.way)
    if isinstance(tasks, schema.SinusoidTasks):
        return Stream(core(2), identity, numbers_as_labels, mse, 1)
    space = build_supervised_tasks(tasks).space
    return Transcriber(core(space.obs), space.act)


def _by_gradient(
    s: schema.MamlLearner | schema.ReptileLearner | schema.LstmMetaLearner, tasks: schema.Supervised
) -> Supervised:
    objective: Objective
    if isinstance(tasks, schema.FewShotTasks):
        embedding = s.embedding or schema.EmbeddingNet(down="stride")
        network: ConvClassifier | RegressionMLP = ConvClassifier(Conv4(embedding.channels, embedding.down), tasks.way)
        way, objective = tasks.way, cross_entropy
    else:
        network, way, objective = RegressionMLP(), 1, mse
    if isinstance(s, schema.ReptileLearner):
        reptile = Reptile(
            network,
            objective,
            s.inner_lr,
            s.inner_steps,
            minibatch=s.minibatch,
            inner_optimizer=s.inner_optimizer,
        )
        return Supervised(reptile, way, s.test_steps or 50, s.bn)
    if isinstance(s, schema.LstmMetaLearner):
        recurrent = LstmMetaLearner(
            network, objective, objective, s.inner_steps, hidden=s.hidden, input_bias=s.input_bias
        )
        return Supervised(recurrent, way, s.test_steps or s.inner_steps, s.bn)
    learner = MAML(
        network,
        objective,
        objective,
        s.inner_lr,
        s.inner_steps,
        first_order=s.first_order,
        learn_inner_lr=s.learn_inner_lr,
        adapted_params=network.head if s.adapted_params == "head" else (),
    )
    return Supervised(learner, way, s.test_steps or 3, s.bn)


def _metanet(s: schema.MetaNetLearner, tasks: schema.Supervised) -> MetaNet[Tensor]:
    options = s.model_dump(exclude={"kind", "channels", "rounds"})
    if isinstance(tasks, schema.FewShotTasks):
        images = conv_network(tasks.way, s.channels or 64)
        return MetaNet(images, images, as_it_is, cross_entropy, cross_entropy, tasks.way, **options)
    wave = dense_network(1, 1, (40, 40))  # Finn et al. 2017, section 5.1
    return MetaNet(wave, wave, as_it_is, mse, mse, **options)


ESTIMATORS: dict[str, Objective] = {
    "lvc": policy_gradient,
    "loglik": score_function,
    "dice": dice,
    "emaml": score_function,
    "first_order": policy_gradient,
}


def build_learner(config: schema.Config, family: TaskDistribution) -> Learner:
    """The learner with its network and objectives."""
    s, outer = config.learner, config.outer
    observes_task = s.kind == "oracle"
    inputs = family.space.obs + (len(family.descriptor_names) if observes_task else 0)
    network = _policy(inputs, family.space, config.policy)
    judged = clipped_policy_gradient(outer.clip_coef) if isinstance(outer, schema.PpoOuter) else policy_gradient
    if isinstance(s, schema.ReptileLearner):
        inner = clipped_policy_gradient(s.clip_coef) if s.clip_coef else policy_gradient
        return Reptile(network, inner, s.inner_lr, s.inner_steps, s.rounds, inner_optimizer=s.inner_optimizer)
    penalty = outer.kl_coef if isinstance(outer, schema.PpoOuter) else 0.0
    if isinstance(outer, schema.PpoOuter):
        judged = with_penalty(judged, entropy, -outer.ent_coef)
    if isinstance(s, schema.MemoryLearner):
        assert isinstance(outer, schema.PpoOuter)  # the schema sees to it
        return _rl2(s, family, config.policy, with_penalty(judged, kl_to_sampling, penalty), outer.value_coef)
    if isinstance(s, schema.LstmMetaLearner):
        return LstmMetaLearner(
            network,
            policy_gradient,
            judged,
            s.inner_steps,
            s.rounds,
            s.hidden,
            s.input_bias,
            support_penalty=kl_to_sampling if penalty else None,
            penalty_coef=penalty,
        )
    if isinstance(s, schema.MetaNetLearner):
        policy = dense_network(inputs, family.space.act, config.policy.hidden, last_gain=0.1)  # at first it stays put
        judged = with_penalty(judged, kl_to_sampling, penalty)
        options = s.model_dump(exclude={"kind", "channels"})
        return MetaNet(policy, policy, gaussian, score_function, judged, init_std=config.policy.init_std, **options)
    if isinstance(s, schema.CaviaLearner):
        return CAVIA(
            _policy(inputs + s.context, family.space, config.policy),
            s.context,
            ESTIMATORS[s.estimator],
            judged,
            s.inner_lr,
            s.inner_steps,
            s.rounds,
            s.estimator == "first_order",
            exploration=exploration_credit if s.estimator == "emaml" else None,
            support_penalty=kl_to_sampling if penalty else None,
            penalty_coef=penalty,
        )
    if isinstance(s, schema.MamlLearner):
        return MAML(
            network,
            ESTIMATORS[s.estimator],
            judged,
            s.inner_lr,
            s.inner_steps,
            s.rounds,
            first_order=s.first_order or s.estimator == "first_order",
            learn_inner_lr=s.learn_inner_lr,
            adapted_params=network.head if s.adapted_params == "head" else (),
            inner_lr_decay=s.inner_lr_decay,
            each_round=s.each_round,
            exploration=exploration_credit if s.estimator == "emaml" else None,
            support_penalty=kl_to_sampling if penalty else None,
            penalty_coef=penalty,
        )
    return Joint(network, with_penalty(judged, kl_to_sampling, penalty), observes_task)


def _policy(inputs: int, space: Space, policy: schema.PolicyNet) -> GaussianMLP | CategoricalMLP:
    if space.discrete:
        return CategoricalMLP(inputs, space.act, policy.hidden)
    return GaussianMLP(inputs, space.act, policy.hidden, policy.init_std)


def _rl2(
    s: schema.MemoryLearner, family: TaskDistribution, policy: schema.PolicyNet, judged: Objective, value_coef: float
) -> RL2:
    seen = family.space.obs + family.space.act + 2  # with the last action and reward, and whether an episode ended
    core = _core(s, seen)
    known = core.dim + seen
    acting, value = _policy(known, family.space, policy), TanhMLP(known, *policy.hidden, 1)
    return RL2(core, seen, acting, value, judged, value_coef, s.rounds, s.memory_reset)


def build_outer(
    config: schema.Config, learner: Learner, theta: Params, horizon: int, ranks: Ranks = SINGLE_PROCESS
) -> Outer:
    """The outer step on episodes of up to `horizon` steps, of all `ranks` together."""
    s = config.outer
    if isinstance(s, schema.TrpoOuter):
        return TRPO(
            learner,
            max_kl=s.max_kl,
            cg_iterations=s.cg_iterations,
            damping=s.damping,
            line_search_steps=s.line_search_steps,
            ranks=ranks,
        )
    if isinstance(s, schema.PpoOuter):
        return Gradient(
            learner,
            theta,
            outer_lr=s.outer_lr,
            num_epochs=s.num_epochs,
            minibatches=s.minibatches,
            max_grad_norm=s.max_grad_norm,
            max_kl=s.max_kl,
            lr_anneal_over=config.train.iterations if s.lr_anneal else 0,
            chunk=max(STEPS_AT_ONCE // (config.train.episodes * horizon), 1) if _on_cpu(theta) else 0,
            ranks=ranks,
            tasks=config.train.num_tasks,
        )
    return build_gradient(config, learner, theta, ranks)


def build_gradient(config: schema.Config, learner: HasLoss, theta: Params, ranks: Ranks = SINGLE_PROCESS) -> Gradient:
    """One optimiser step on the learner's own loss, of all `ranks` together."""
    s, tasks = config.outer, config.tasks
    assert isinstance(s, schema.GradientOuter)
    chunk = 0
    if isinstance(tasks, schema.FewShotTasks) and isinstance(learner, Supervised) and _on_cpu(theta):
        chunk = tasks_at_once(tasks.way * (tasks.shot + tasks.query), tasks.size)
    return Gradient(
        learner,
        theta,
        outer_lr=s.outer_lr,
        optimizer=s.optimizer,
        max_grad_norm=s.max_grad_norm,
        lr_halve_every=s.lr_halve_every,
        lr_anneal_over=config.train.iterations if s.lr_anneal else 0,
        chunk=chunk,
        ranks=ranks,
        tasks=config.train.num_tasks,
    )


def tasks_at_once(images: int, size: int = 28) -> int:
    """How many tasks of so many images each, so many pixels wide, are differentiated together on a processor."""
    return max(PIXELS_AT_ONCE // (images * size * size), 1)


def _on_cpu(theta: Params) -> bool:
    """Where fewer tasks at once stay in its caches; a card takes all."""
    return device_of(theta).type == "cpu"


def build_advantage_estimator(config: schema.Config) -> AdvantageEstimator:
    """How actions get their credit."""
    return AdvantageEstimator(config.advantage.gamma, config.advantage.gae_lambda)
