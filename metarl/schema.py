"""The settings of an experiment as frozen records: what there is to set, and what is allowed.

Nothing here imports torch or mujoco, so that the command line answers at once.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from envs.catalogue import QUANTITIES, goal_of
from metarl.errors import nearest

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Range = tuple[Number, Number]


class Record(BaseModel):
    """Frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Vary(Record):
    """What a task parameter varies over: `choices`, or one or more `train` ranges; `ood` ranges or `ood_choices` if
    it has any.

    law: how it is spread over a range; `log` for multipliers, `area` for distances over a disc. each: a value of its
    own for every body, joint, geom or motor.
    """

    choices: tuple[Number, ...] = ()
    train: tuple[Range, ...] = ()
    ood: tuple[Range, ...] = ()
    ood_choices: tuple[Number, ...] = ()
    law: Literal["uniform", "log", "area"] = "uniform"
    each: bool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_short_forms(cls, value: Any) -> Any:
        """A number is a constant, and one range need not be wrapped in a list."""
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return {"choices": [value]}
        if isinstance(value, dict):
            wrap = {k: [v] for k, v in value.items() if k in ("train", "ood") and _is_one_range(v)}
            return {**value, **wrap}
        return value

    @model_validator(mode="after")
    def _ranges_are_sound(self) -> Self:
        if bool(self.choices) == bool(self.train):
            raise ValueError("expected either 'choices' or 'train'")
        for low, high in self.train + self.ood:
            if low >= high:
                raise ValueError(f"the range [{low:g}, {high:g}] is empty: the lower end comes first")
            if high - low < 1e-4 * max(abs(low), abs(high), 1):
                raise ValueError(f"the range [{low:g}, {high:g}] is too narrow: give it as one of 'choices'")
        for ranges in (sorted(self.train), sorted(self.ood)):
            for (a, b), (c, d) in pairwise(ranges):
                if c < b:
                    raise ValueError(f"the ranges [{a:g}, {b:g}] and [{c:g}, {d:g}] overlap")
        for low, high in self.ood:
            if any(low < b and high > a for a, b in self.train) or any(low <= c <= high for c in self.choices):
                raise ValueError(f"the ood range [{low:g}, {high:g}] overlaps what is trained on")
        for c in self.ood_choices:
            if c in self.choices or any(a <= c <= b for a, b in self.train + self.ood):
                raise ValueError(f"the ood choice {c:g} is in another range or choice too")
        return self

    @model_validator(mode="after")
    def _law_fits(self) -> Self:
        if self.law != "uniform" and not self.train:
            raise ValueError(f"law {self.law!r} says how a range is drawn, but there are only choices")
        ends = sum(self.intervals() + self.beyond(), ())
        if self.law == "log" and min(ends) <= 0:
            raise ValueError(f"{min(ends):g} has no logarithm: with law 'log' every value is above 0")
        if self.law == "area" and min(ends) < 0:
            raise ValueError(f"{min(ends):g} is no distance: with law 'area' no value is below 0")
        return self

    def intervals(self) -> tuple[Range, ...]:
        """Training values as intervals; a choice has length zero."""
        return tuple((c, c) for c in self.choices) or self.train

    def beyond(self) -> tuple[Range, ...]:
        """Out-of-distribution values as intervals."""
        return self.ood + tuple((c, c) for c in self.ood_choices)


def _is_one_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and not isinstance(value[0], list | tuple)


class LocomotionTasks(Record):
    """A robot x goal x terrain x dynamics: what varies is named in `vary` (see `metarl list variables`)."""

    kind: Literal["locomotion"] = "locomotion"
    robot: Literal["half_cheetah", "hopper", "walker2d", "swimmer", "ant", "humanoid", "quadruped"]
    vary: dict[str, Vary]
    physics: Literal["fast", "gymnasium"] = "fast"
    horizon: Count = 100
    action_scale: Positive = 10.0
    ctrl_cost: NonNegative | None = None
    alive_bonus: Number | None = None

    @field_validator("vary")
    @classmethod
    def _within_limits(cls, vary: dict[str, Vary]) -> dict[str, Vary]:
        for name, v in vary.items():
            base, _, element = name.partition(":")
            if base not in QUANTITIES:
                raise ValueError(f"{base!r} is not a variable; {nearest(base, list(QUANTITIES))}")
            quantity = QUANTITIES[base]
            if (element or v.each) and quantity.each is None:
                raise ValueError(f"{base} has no elements: it is one number for the whole robot")
            if element and v.each:
                raise ValueError(f"{name} names one element: 'each' asks for all of them")
            ends = sum(v.intervals() + v.beyond(), ())
            for end in ends:
                if not quantity.low <= end <= quantity.high:
                    raise ValueError(f"{name} {end:g} lies outside [{quantity.low:g}, {quantity.high:g}]")
            if quantity.whole and (not v.choices or v.ood or any(end != round(end) for end in ends)):
                raise ValueError(f"{name} is a whole number: give 'choices'")
            if base == "direction" and 0.0 in v.choices + v.ood_choices:
                raise ValueError("direction is one of the choices -1 and 1")
        goal_of(vary)
        return vary

    @model_validator(mode="after")
    def _has_twin(self) -> Self:
        if self.physics == "gymnasium" and self.robot == "quadruped":
            raise ValueError("the quadruped has no twin in gymnasium: its physics is 'fast'")
        return self


class NamedTasks(Record):
    """A distribution by its name: a robot's own or a classic one (see `metarl list tasks`)."""

    kind: Literal["named"]
    name: str
    physics: Literal["fast", "gymnasium"] | None = None
    horizon: Count | None = None
    action_scale: Positive | None = None


class PointTasks(Record):
    """A point in the plane that must find a goal it cannot see."""

    kind: Literal["point"]
    horizon: Count = 100
    action_scale: Positive = 10.0


class FewShotTasks(Record):
    """Images of characters: `way` classes a task, `shot` support and `query` query drawings of each."""

    kind: Literal["fewshot"]
    data: Literal["omniglot", "glyphs"] = "glyphs"
    way: Annotated[int, Field(ge=2, le=1000, strict=True)] = 5
    shot: Annotated[int, Field(ge=1, le=19, strict=True)] = 1
    query: Annotated[int, Field(ge=1, le=19, strict=True)] = 5
    splits: Literal["vinyals", "lake"] = "vinyals"
    resize: Literal["nearest", "area"] = "nearest"
    turn_test_classes: bool = True
    size: Literal[28, 105] = 28
    distort: bool = False

    @model_validator(mode="after")
    def _resizes_something(self) -> Self:
        if self.size != 28 and self.resize != "nearest":
            raise ValueError(f"resize says how images become 28 x 28: with size {self.size} leave it out")
        return self


class SinusoidTasks(Record):
    """Sine waves of which `shot` points are shown; `reptile` is the variant with every phase."""

    kind: Literal["sinusoid"]
    variant: Literal["maml", "reptile"] = "maml"
    shot: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    query: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10


class CopyTasks(Record):
    """Sequences of up to `length` vectors of `bits` bits, to be told up to `repeats` times (Graves et al. 2014)."""

    kind: Literal["copy"]
    length: Annotated[int, Field(ge=1, le=1000, strict=True)] = 20
    repeats: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    bits: Annotated[int, Field(ge=1, le=100, strict=True)] = 8


class PolicyNet(Record):
    """See `agents.networks.GaussianMLP`."""

    hidden: tuple[Count, ...] = (64, 64)
    init_std: Positive = 1.0


class EmbeddingNet(Record):
    """See `agents.embeddings.Conv4`."""

    channels: Count = 64
    down: Literal["pool", "stride"] = "pool"


GradientBatchNorm = Literal["transductive", "support+1"]


class MamlLearner(Record):
    """MAML (Finn et al. 2017); first_order is FOMAML, learn_inner_lr is Meta-SGD.

    Of images: the embedding (stride 2 by default), and test_steps gradient steps when it is judged (3 by default).
    """

    kind: Literal["maml"]
    inner_lr: Positive = 0.1
    inner_steps: Annotated[int, Field(ge=1, le=100)] = 1
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    first_order: bool = False
    learn_inner_lr: bool = False
    bn: GradientBatchNorm = "transductive"
    embedding: EmbeddingNet | None = None
    test_steps: Annotated[int, Field(ge=1, le=1000)] | None = None


class ReptileLearner(Record):
    """Reptile (Nichol et al. 2018). Of images: as for MAML, with 50 steps when it is judged.

    minibatch: examples of a gradient step, of supervised tasks; by default all of the support, then all of the query.
    """

    kind: Literal["reptile"]
    inner_lr: Positive = 0.1
    inner_steps: Annotated[int, Field(ge=1, le=100)] = 1
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    minibatch: Annotated[int, Field(ge=0, le=100_000)] = 0
    bn: GradientBatchNorm = "transductive"
    embedding: EmbeddingNet | None = None
    test_steps: Annotated[int, Field(ge=1, le=1000)] | None = None


class LstmMetaLearner(Record):
    """The LSTM meta-learner (Ravi and Larochelle 2017): a recurrent network in place of the optimiser.

    hidden: its units. input_bias: of its input gate at the start, +- 0.5; the sigmoid of it is the first step size.
    Of images: the embedding (stride 2 by default). Of supervised tasks: test_steps updates when it is judged
    (inner_steps by default).
    """

    kind: Literal["lstm_meta_learner"]
    inner_steps: Annotated[int, Field(ge=1, le=100)] = 5
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    hidden: Annotated[int, Field(ge=1, le=1000)] = 20
    input_bias: Annotated[float, Field(ge=-20, le=20)] = -4.5
    bn: GradientBatchNorm = "transductive"
    embedding: EmbeddingNet | None = None
    test_steps: Annotated[int, Field(ge=1, le=1000)] | None = None


BatchNorm = Literal["transductive", "support", "running"]


class PrototypicalLearner(Record):
    """Prototypical networks (Snell et al. 2017)."""

    kind: Literal["prototypical"]
    bn: BatchNorm = "running"
    embedding: EmbeddingNet = EmbeddingNet()


class MatchingLearner(Record):
    """Matching networks (Vinyals et al. 2016); fce is their full context embedding."""

    kind: Literal["matching"]
    bn: BatchNorm = "running"
    distance: Literal["cosine", "l2"] = "cosine"
    fce: bool = False
    reads: Annotated[int, Field(ge=1, le=100)] = 5
    embedding: EmbeddingNet = EmbeddingNet()


class RelationLearner(Record):
    """Relation networks (Sung et al. 2018), with their own embedding."""

    kind: Literal["relation"]
    bn: BatchNorm = "running"


class SiameseLearner(Record):
    """Siamese networks (Koch et al. 2015), trained on the pairs of an episode.

    network: Koch's own, for images of 105 x 105 and without batch normalisation, or the embedding of the others.
    l2: the penalty on the squared weights of a layer, by layer.
    """

    kind: Literal["siamese"]
    network: Literal["conv4", "koch"] = "conv4"
    bn: BatchNorm | None = None
    l2: dict[str, NonNegative] = {}
    embedding: EmbeddingNet = EmbeddingNet()

    @model_validator(mode="after")
    def _fits_network(self) -> Self:
        if self.network == "koch" and (self.bn is not None or self.embedding != EmbeddingNet()):
            raise ValueError("network koch has an embedding of its own, not normalised: leave embedding and bn out")
        layers = ["conv0", "conv1", "conv2", "conv3", "distance", *(["dense"] if self.network == "koch" else [])]
        for layer in self.l2:
            if layer not in layers:
                raise ValueError(f"l2 names the layer {layer!r}; {nearest(layer, layers)}")
        return self


class MetaNetLearner(Record):
    """Meta networks (Munkhdalai and Yu 2017): a memory of fast weights, made of the support's gradients.

    Of images: channels of each block (64 by default). representation: the loss of the network that gives the keys,
    that of the task, or of images also the verification of pairs. slices: parts in which the support is read.
    log_range: gradients below exp(-log_range) are told by their size alone. hidden: units of what makes fast weights,
    and fast_gain the size of those at the start. attention_scale: times the cosine.
    """

    kind: Literal["metanet"]
    channels: Count | None = None
    representation: Literal["task", "verification"] = "task"
    slices: Annotated[int, Field(ge=1, le=1000)] = 5
    log_range: Annotated[float, Field(gt=0, le=80)] = 7.0
    hidden: Annotated[int, Field(ge=1, le=1000)] = 20
    fast_gain: Positive = 0.1
    attention_scale: Positive = 1.0
    rounds: Annotated[int, Field(ge=1, le=20)] = 1


class Recurrent(Record):
    """What every core with a memory has. On robots it is the memory of a policy (RL^2, Duan et al. 2016).

    rounds: episodes of a trial before its last. reset: whether the memory lasts for a trial, or for an episode.
    """

    rounds: Annotated[int, Field(ge=1, le=100)] = 1
    reset: Literal["trial", "episode"] = "trial"


class MannLearner(Recurrent):
    """Memory with least recently used access (Santoro et al. 2016); see `agents.memory.mann.LRUA`."""

    kind: Literal["mann"]
    hidden: Count = 200
    locations: Annotated[int, Field(ge=1, le=10_000)] = 128
    width: Annotated[int, Field(ge=1, le=10_000)] = 40
    reads: Annotated[int, Field(ge=1, le=100)] = 4
    decay: Fraction = 0.95
    write: Literal["key", "add"] = "key"
    strength: bool = False
    address: Literal["old", "new"] = "old"

    @model_validator(mode="after")
    def _writes_fit(self) -> Self:
        if self.reads > self.locations:
            raise ValueError(f"{self.reads} reads write to as many locations, and there are {self.locations}")
        return self


class NtmLearner(Recurrent):
    """Neural Turing machine (Graves et al. 2014); see `agents.memory.ntm.NTM`."""

    kind: Literal["ntm"]
    hidden: Count = 100
    locations: Annotated[int, Field(ge=1, le=10_000)] = 128
    width: Annotated[int, Field(ge=1, le=10_000)] = 20
    reads: Annotated[int, Field(ge=1, le=100)] = 1
    writes: Annotated[int, Field(ge=1, le=100)] = 1


class LstmLearner(Recurrent):
    """A plain LSTM (Hochreiter et al. 2001), the baseline of the memories."""

    kind: Literal["lstm"]
    hidden: Count = 200


class GruLearner(Recurrent):
    """A plain GRU, the core of RL^2 (Duan et al. 2016)."""

    kind: Literal["gru"]
    hidden: Count = 200


class JointLearner(Record):
    """Baseline: one policy for all tasks, no adaptation."""

    kind: Literal["joint"]


class OracleLearner(Record):
    """Baseline: one policy that is told the true task, which no other learner is."""

    kind: Literal["oracle"]


class PpoOuter(Record):
    """See `metarl.outer.Gradient`: several clipped epochs with a KL penalty to the sampling policy, as in ProMP.

    minibatches: parts of the experience, by tasks, or by trials of a policy with a memory, each of which takes a step
    in every epoch. value_coef: of the squared error of the return that a policy with a memory expects.
    """

    kind: Literal["ppo"]
    outer_lr: Positive = 1e-3
    num_epochs: Annotated[int, Field(ge=1, le=1000)] = 5
    clip_coef: Positive = 0.3
    kl_coef: NonNegative = 5e-4
    entropy_coef: NonNegative = 0.0
    value_coef: NonNegative = 0.5
    minibatches: Annotated[int, Field(ge=1, le=1000)] = 1
    max_grad_norm: NonNegative = 0.0
    max_kl: NonNegative = 0.0


class TrpoOuter(Record):
    """See `metarl.outer.TRPO`."""

    kind: Literal["trpo"]
    max_kl: Positive = 0.01
    cg_iterations: Annotated[int, Field(ge=1, le=1000)] = 10
    damping: NonNegative = 1e-5
    line_search_steps: Annotated[int, Field(ge=1, le=1000)] = 15


class GradientOuter(Record):
    """See `metarl.outer.Gradient`: one optimiser step on the learner's own loss."""

    kind: Literal["gradient"]
    outer_lr: Positive = 1e-3
    optimizer: Literal["adam", "sgd"] = "adam"
    max_grad_norm: NonNegative = 0.0
    halve_every: Annotated[int, Field(ge=0, le=10**9)] = 0


class Credit(Record):
    """See `agents.advantages`."""

    gamma: Fraction = 0.99
    gae_lambda: Fraction = 1.0


class Training(Record):
    """How much: tasks and episodes a round and iteration, how often to save, how many threads (0: every core)."""

    iterations: Count
    num_tasks: Count = 20
    episodes: Count = 20
    checkpoint_every: Count = 10
    num_threads: Annotated[int, Field(ge=0, le=1024)] = 0


Tasks = Annotated[
    LocomotionTasks | NamedTasks | PointTasks | FewShotTasks | SinusoidTasks | CopyTasks, Field(discriminator="kind")
]
Learner = Annotated[
    MamlLearner
    | ReptileLearner
    | LstmMetaLearner
    | MetaNetLearner
    | JointLearner
    | OracleLearner
    | PrototypicalLearner
    | MatchingLearner
    | RelationLearner
    | SiameseLearner
    | MannLearner
    | NtmLearner
    | LstmLearner
    | GruLearner,
    Field(discriminator="kind"),
]
MetricLearner = PrototypicalLearner | MatchingLearner | RelationLearner | SiameseLearner
MemoryLearner = MannLearner | NtmLearner | LstmLearner | GruLearner
Supervised = FewShotTasks | SinusoidTasks | CopyTasks
SUPERVISED = ("fewshot", "sinusoid", "copy")
METRIC = ("prototypical", "matching", "relation", "siamese")
MEMORY = ("mann", "ntm", "lstm", "gru")
Outer = Annotated[PpoOuter | TrpoOuter | GradientOuter, Field(discriminator="kind")]


class Config(Record):
    """One experiment."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    tasks: Tasks
    policy: PolicyNet = PolicyNet()
    learner: Learner
    outer: Outer
    credit: Credit = Credit()
    train: Training

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        if self.tasks.kind in SUPERVISED and (self.policy != PolicyNet() or self.credit != Credit()):
            raise ValueError(f"policy and credit are for learners that act: tasks of kind {self.tasks.kind} have none")
        return self

    @model_validator(mode="after")
    def _images_fit_network(self) -> Self:
        if isinstance(self.tasks, FewShotTasks):
            wanted = 105 if getattr(self.learner, "network", "") == "koch" else 28
            if self.tasks.size != wanted:
                whose = "network koch" if wanted == 105 else f"learner {self.learner.kind}"
                raise ValueError(f"{whose} sees {wanted} x {wanted} pixels: tasks.size is {self.tasks.size}")
        return self

    @model_validator(mode="after")
    def _metanet_fits_tasks(self) -> Self:
        if isinstance(self.learner, MetaNetLearner):
            images = self.tasks.kind == "fewshot"
            if self.learner.channels is not None and not images:
                raise ValueError("learner.channels is for tasks of kind fewshot")
            if self.learner.representation == "verification" and not images:
                raise ValueError("learner.representation verification wants classes: tasks of kind fewshot")
            if not self.policy.hidden:
                raise ValueError("learner metanet has its keys in the last hidden layer: policy.hidden is empty")
        return self

    @model_validator(mode="after")
    def _memory_fits_tasks(self) -> Self:
        remembers, supervised = self.learner.kind in MEMORY, self.tasks.kind in SUPERVISED
        if remembers and not supervised and self.outer.kind != "ppo":
            raise ValueError(f"learner {self.learner.kind} acts by PPO: outer.kind is {self.outer.kind}")
        if supervised and getattr(self.learner, "reset", "trial") != "trial":
            raise ValueError("learner.reset is for policies: supervised tasks have no episodes")
        if isinstance(self.outer, PpoOuter) and not remembers and self.outer.value_coef != 0.5:
            raise ValueError(f"outer.value_coef is for policies with a memory: {self.learner.kind} tells no returns")
        return self

    @model_validator(mode="after")
    def _outer_fits_learner(self) -> Self:
        images, supervised = self.tasks.kind == "fewshot", self.tasks.kind in SUPERVISED
        if supervised and self.learner.kind in ("joint", "oracle"):
            raise ValueError(f"learner {self.learner.kind} acts: tasks of kind {self.tasks.kind} want none that does")
        if not images and self.learner.kind in METRIC:
            raise ValueError(f"learner {self.learner.kind} tells classes apart: it wants tasks of kind fewshot")
        if self.tasks.kind == "copy" and self.learner.kind not in MEMORY:
            raise ValueError(f"learner {self.learner.kind} reads no sequences: copying wants {' or '.join(MEMORY)}")
        wants_gradient = supervised or self.learner.kind == "reptile"
        if wants_gradient != (self.outer.kind == "gradient"):
            fitting = "gradient" if wants_gradient else "ppo or trpo"
            raise ValueError(f"learner {self.learner.kind} needs outer.kind {fitting}, but got {self.outer.kind}")
        if supervised and getattr(self.learner, "rounds", 1) != 1:
            raise ValueError("a supervised task has one support: learner.rounds is 1")
        if isinstance(self.learner, MamlLearner | ReptileLearner | LstmMetaLearner):
            if self.learner.embedding is not None and not images:
                raise ValueError("learner.embedding is for tasks of kind fewshot")
            if self.learner.bn != "transductive" and not images:
                raise ValueError("learner.bn is for tasks of kind fewshot: nothing else is normalised by batches")
            if getattr(self.learner, "minibatch", 0) and not supervised:
                raise ValueError("learner.minibatch is for supervised tasks: an episode is no example")
            if self.learner.test_steps is not None and not supervised:
                raise ValueError("learner.test_steps is for supervised tasks")
        return self


def learners() -> dict[str, str]:
    """Every learner by name, with one line on it."""
    return _options(Learner)


def _options(union: Any) -> dict[str, str]:
    return {
        get_args(m.model_fields["kind"].annotation)[0]: (m.__doc__ or "").split("\n")[0]
        for m in get_args(get_args(union)[0])
    }
