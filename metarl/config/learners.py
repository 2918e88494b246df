"""Learners, and the networks they move."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from envs.settings import Count, Fraction, NonNegative, Positive, Record
from metarl.errors import nearest


class PolicyNet(Record):
    """See `agents.nn.perceptrons.GaussianMLP`."""

    hidden: tuple[Count, ...] = (64, 64)
    init_std: Positive = 1.0


class EmbeddingNet(Record):
    """See `agents.nn.embeddings.Conv4`."""

    channels: Count = 64
    down: Literal["pool", "stride"] = "pool"


GradientBatchNorm = Literal["transductive", "support+1"]


class MamlLearner(Record):
    """MAML (Finn et al. 2017); first_order is FOMAML, learn_inner_lr is Meta-SGD, adapts `head` is ANIL.

    estimator: of robots, how the policy gradient of an inner step is differentiated: `lvc` (Rothfuss et al. 2019),
    `loglik` (the usual one, which loses a part of it), `dice` (Foerster et al. 2018), `emaml` (Stadie et al. 2018), or
    `first_order`, not at all. inner_lr_decay: times the inner rate from round to round; each_round: it is trained to
    do well after each of its rounds, not only after the last.
    Of images: the embedding (stride 2 by default), and test_steps gradient steps when it is judged (3 by default).
    """

    kind: Literal["maml"]
    inner_lr: Positive = 0.1
    inner_steps: Annotated[int, Field(ge=1, le=100)] = 1
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    inner_lr_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    each_round: bool = False
    first_order: bool = False
    estimator: Literal["lvc", "loglik", "dice", "emaml", "first_order"] = "lvc"
    learn_inner_lr: bool = False
    adapted_params: Literal["all", "head"] = "all"
    bn: GradientBatchNorm = "transductive"
    embedding: EmbeddingNet | None = None
    test_steps: Annotated[int, Field(ge=1, le=1000)] | None = None


class CaviaLearner(Record):
    """CAVIA (Zintgraf et al. 2019): a vector of `context` numbers beside the input is all that is adapted."""

    kind: Literal["cavia"]
    context: Annotated[int, Field(ge=1, le=10_000)] = 5
    inner_lr: Positive = 1.0
    inner_steps: Annotated[int, Field(ge=1, le=100)] = 1
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    estimator: Literal["lvc", "loglik", "dice", "emaml", "first_order"] = "lvc"


class ReptileLearner(Record):
    """Reptile (Nichol et al. 2018). Of images: as for MAML, with 50 steps when it is judged.

    clip_coef: of robots, inner steps on PPO's clipped objective; 0: on the policy gradient itself.
    minibatch: examples of a gradient step, of supervised tasks; by default all of the support, then all of the query.
    inner_optimizer: of the inner steps; `adam` is without momentum (Nichol et al. 2018).
    """

    kind: Literal["reptile"]
    inner_lr: Positive = 0.1
    inner_steps: Annotated[int, Field(ge=1, le=100)] = 1
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    clip_coef: NonNegative = 0.0
    minibatch: Annotated[int, Field(ge=0, le=100_000)] = 0
    inner_optimizer: Literal["sgd", "adam"] = "sgd"
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
    l2: dict[str, NonNegative] = Field(default_factory=dict)
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

    rounds: episodes of a trial before its last. memory_reset: whether the memory lasts for a trial, or for an episode.
    """

    rounds: Annotated[int, Field(ge=0, le=100)] = 1
    memory_reset: Literal["trial", "episode"] = "trial"


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
    controller: Literal["lstm", "feedforward"] = "lstm"


class LstmLearner(Recurrent):
    """A plain LSTM (Hochreiter et al. 2001), the baseline of the memories."""

    kind: Literal["lstm"]
    hidden: Count = 200


class GruLearner(Recurrent):
    """A plain GRU, the core of RL^2 (Duan et al. 2016)."""

    kind: Literal["gru"]
    hidden: Count = 200


class SnailLearner(Recurrent):
    """Temporal convolutions and attention (Mishra et al. 2018); see `agents.memory.snail.SNAIL`."""

    kind: Literal["snail"]
    filters: Count = 32
    keys: Count = 32
    blocks: Annotated[int, Field(ge=1, le=10)] = 1
    length: Annotated[int, Field(ge=2, le=10_000)] = 256


class JointLearner(Record):
    """Baseline: one policy for all tasks, no adaptation."""

    kind: Literal["joint"]


class OracleLearner(Record):
    """Baseline: one policy that is told the true task, which no other learner is."""

    kind: Literal["oracle"]
