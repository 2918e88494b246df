"""Settings of networks. Nothing here imports torch, so that settings are checked quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from envs.settings import Count, Positive, Record

if TYPE_CHECKING:
    from agents.nn.critic import Critic
    from agents.nn.embeddings import Conv4
    from agents.nn.perceptrons import CategoricalMLP, GaussianMLP
    from agents.nn.resnet import ResNet12
    from envs.core import Space


def _as_list(value: Any) -> Any:
    """A single number stands for a list of one."""
    return (value,) if isinstance(value, int) else value


Widths = Annotated[tuple[Count, ...], BeforeValidator(_as_list)]


class PolicySettings(Record):
    """The policy network: a perceptron (`agents.nn.perceptrons`), and that of a learned value function.

    hidden: units of each hidden layer. activation: `tanh`, `elu` or `relu`. init_std: initial standard deviation of
    continuous actions, in policy units (`tasks.action_scale` of them are the full action). last_gain: factor of the
    initial weights of the last layer: with a small one the policy starts near action 0 in every state.
    critic_hidden: those of the value function; by default as many as the policy's. critic_observes_task: whether the
    value function is given the true parameters of the task, in training only.
    """

    hidden: Widths = (64, 64)
    activation: Literal["tanh", "elu", "relu"] = "tanh"
    init_std: Positive = 1.0
    last_gain: Positive = 0.01
    critic_hidden: Widths | None = None
    critic_observes_task: bool = True

    def build(self, inputs: int, space: Space) -> GaussianMLP | CategoricalMLP:
        """A network from `inputs` numbers to a distribution over actions."""
        from agents.nn.perceptrons import CategoricalMLP, GaussianMLP

        shape = (self.activation, self.last_gain)
        if space.discrete:
            return CategoricalMLP(inputs, space.act, self.hidden, *shape)
        return GaussianMLP(inputs, space.act, self.hidden, self.init_std, *shape)

    def build_critic(self, inputs: int, descriptor: int) -> Critic:
        """A value function of `inputs` numbers, and of the `descriptor` numbers of the task where it observes them."""
        from agents.nn.critic import Critic
        from agents.nn.perceptrons import MLP

        observed = descriptor if self.critic_observes_task else 0
        hidden = self.hidden if self.critic_hidden is None else self.critic_hidden
        return Critic(MLP(inputs + observed, *hidden, 1, activation=self.activation), observed > 0)


class EmbeddingSettings(Record):
    """The image embedding: four convolutional blocks (`agents.nn.embeddings.Conv4`), or `agents.nn.resnet.ResNet12`.

    channels: filters of each block, of ResNet-12 those of its first. down: how a block halves the image, by 2x2 max
    pooling (`pool`) or by a convolution of stride 2 with global average pooling at the end (`stride`).
    """

    network: Literal["conv4", "resnet12"] = "conv4"
    channels: Count = 64
    down: Literal["pool", "stride"] = "pool"

    @model_validator(mode="after")
    def _down_of_blocks(self) -> Self:
        if self.network == "resnet12" and self.down != "pool":
            raise ValueError("down is stride, but resnet12 halves images by pooling: leave it out")
        return self

    def build(self, image: tuple[int, int] = (1, 28)) -> Conv4 | ResNet12:
        """For images of so many channels and pixels of a side. Raises ValueError for those that do not fit."""
        if self.network == "resnet12":
            from agents.nn.resnet import ResNet12

            return ResNet12(self.channels, image)
        from agents.nn.embeddings import Conv4

        return Conv4(self.channels, self.down, image)
