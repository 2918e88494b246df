"""Settings of networks. Nothing here imports torch, so that settings are checked quickly."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from envs.settings import Count, Positive, Record

if TYPE_CHECKING:
    from agents.nn.critic import Critic
    from agents.nn.embeddings import Conv4
    from agents.nn.perceptrons import CategoricalMLP, GaussianMLP
    from agents.nn.pretrained import PretrainedResNet
    from agents.nn.resnet import ResNet12
    from envs.core import Space


def _as_list(value: Any) -> Any:
    """A single number stands for a list of one."""
    return (value,) if isinstance(value, int) else value


Widths = Annotated[tuple[Count, ...], BeforeValidator(_as_list)]


class PolicySettings(Record):
    """The policy network: a perceptron (`agents.nn.perceptrons`), and that of a learned value function.

    hidden: units of each hidden layer. activation: `tanh`, `elu` or `relu`. init_std: initial standard deviation of
    continuous actions, in policy units (`tasks.action_scale` of them are the full action). min_std: the smallest that
    it becomes, so that exploration does not die down; by default that of rllab, which is none in practice. last_gain:
    factor of the initial weights of the last layer: with a small one the policy starts near action 0 in every state.
    critic_hidden: those of the value function; by default as many as the policy's. critic_observes_task: whether the
    value function is given the true parameters of the task, in training only.
    """

    hidden: Widths = (64, 64)
    activation: Literal["tanh", "elu", "relu"] = "tanh"
    init_std: Positive = 1.0
    min_std: Positive = 1e-6
    last_gain: Positive = 0.01
    critic_hidden: Widths | None = None
    critic_observes_task: bool = True

    @model_validator(mode="after")
    def _starts_above_the_smallest(self) -> Self:
        if self.min_std > self.init_std:
            raise ValueError(f"min_std {self.min_std} is above init_std {self.init_std}: give at most as much")
        return self

    def build(self, inputs: int, space: Space) -> GaussianMLP | CategoricalMLP:
        """A network from `inputs` numbers to a distribution over actions."""
        from agents.nn.perceptrons import CategoricalMLP, GaussianMLP

        shape = (self.activation, self.last_gain)
        if space.discrete:
            return CategoricalMLP(inputs, space.act, self.hidden, *shape)
        return GaussianMLP(inputs, space.act, self.hidden, self.init_std, *shape, self.min_std)

    def build_critic(self, inputs: int, descriptor: int) -> Critic:
        """A value function of `inputs` numbers, and of the `descriptor` numbers of the task where it observes them."""
        from agents.nn.critic import Critic
        from agents.nn.perceptrons import MLP

        observed = descriptor if self.critic_observes_task else 0
        hidden = self.hidden if self.critic_hidden is None else self.critic_hidden
        return Critic(MLP(inputs + observed, *hidden, 1, activation=self.activation), observed > 0)


class EmbeddingSettings(Record):
    """The image embedding: four convolutional blocks (`agents.nn.embeddings.Conv4`), `agents.nn.resnet.ResNet12`, or
    `agents.nn.pretrained.PretrainedResNet`, whose convolutions are frozen.

    channels: filters of each block, of ResNet-12 those of its first, of a pretrained network the units of the linear
    layer behind it, which learns. down: how a block halves the image, by 2x2 max pooling (`pool`) or by a convolution
    of stride 2 with global average pooling at the end (`stride`). weights: the safetensors of a pretrained network.
    """

    network: Literal["conv4", "resnet12", "pretrained"] = "conv4"
    channels: Count = 64
    down: Literal["pool", "stride"] = "pool"
    weights: str | None = None

    @model_validator(mode="after")
    def _down_of_blocks(self) -> Self:
        if self.network != "conv4" and self.down != "pool":
            raise ValueError(f"down is stride, but {self.network} halves images in its own way: leave it out")
        return self

    @model_validator(mode="after")
    def _weights_of_pretrained(self) -> Self:
        if self.network == "pretrained" and not self.weights:
            raise ValueError("network is pretrained: give weights, a file of safetensors of a ResNet")
        if self.network != "pretrained" and self.weights:
            raise ValueError(f"weights are of a pretrained network: with network {self.network} leave them out")
        return self

    def check_statistics(self, bn: str, only: str) -> None:
        """Raise ValueError where batch normalisation is chosen for a network that has its own, or left out."""
        if self.network == "pretrained" and bn != only:
            raise ValueError(f"bn is {bn}, but a pretrained network brings its statistics: give bn {only}")
        if self.network != "pretrained" and bn == "none":
            raise ValueError(f"bn is none, but {self.network} has batch normalisation: that is for pretrained networks")

    def digest(self) -> str | None:
        """SHA-256 of the file of weights; None without one. Raises ValueError where it cannot be read."""
        if self.weights is None:
            return None
        try:
            with open(self.weights, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ValueError(f"the weights {self.weights} could not be read: {error.strerror}") from None

    def build(self, image: tuple[int, int] = (1, 28)) -> Conv4 | ResNet12 | PretrainedResNet:
        """For images of so many channels and pixels of a side. Raises ValueError for those that do not fit."""
        if self.weights is not None:
            from agents.nn.pretrained import PretrainedResNet

            return PretrainedResNet(self.weights, self.channels, image)
        if self.network == "resnet12":
            from agents.nn.resnet import ResNet12

            return ResNet12(self.channels, image)
        from agents.nn.embeddings import Conv4

        return Conv4(self.channels, self.down, image)
