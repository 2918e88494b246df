"""Settings of networks. Nothing here imports torch, so that settings are checked quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator

from envs.settings import Count, Positive, Record

if TYPE_CHECKING:
    from agents.nn.embeddings import Conv4
    from agents.nn.perceptrons import CategoricalMLP, GaussianMLP
    from envs.core import Space


def _as_list(value: Any) -> Any:
    """A single number stands for a list of one."""
    return (value,) if isinstance(value, int) else value


Widths = Annotated[tuple[Count, ...], BeforeValidator(_as_list)]


class PolicySettings(Record):
    """The policy network: a tanh perceptron (`agents.nn.perceptrons`).

    hidden: units of each hidden layer. init_std: initial standard deviation of continuous actions, in policy
    units (`tasks.action_scale` of them are the full action).
    """

    hidden: Widths = (64, 64)
    init_std: Positive = 1.0

    def build(self, inputs: int, space: Space) -> GaussianMLP | CategoricalMLP:
        """A network from `inputs` numbers to a distribution over actions."""
        from agents.nn.perceptrons import CategoricalMLP, GaussianMLP

        if space.discrete:
            return CategoricalMLP(inputs, space.act, self.hidden)
        return GaussianMLP(inputs, space.act, self.hidden, self.init_std)


class EmbeddingSettings(Record):
    """The image embedding: four convolutional blocks (`agents.nn.embeddings.Conv4`).

    channels: filters of each block. down: how a block halves the image, by 2x2 max pooling (`pool`) or by a convolution
    of stride 2 with global average pooling at the end (`stride`).
    """

    channels: Count = 64
    down: Literal["pool", "stride"] = "pool"

    def build(self) -> Conv4:
        from agents.nn.embeddings import Conv4

        return Conv4(self.channels, self.down)
