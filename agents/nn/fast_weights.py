"""Networks evaluated with several sets of weights: slow weights, and fast ones of a task or of a row.

Layer augmentation (Munkhdalai, Yu 2017, arXiv 1703.00837, section 3.4): every set of weights transforms the same input
of a layer, each result passes its own ReLU, and they are summed; the results of the last layer are summed without ReLU.

Axes: `Q` rows, `I` items of a memory, `F` inputs and `O` outputs of a dense layer, `H` x `H` pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.records import Params

Kind = Literal["conv", "dense"]
FILTER = 3  # pixels


class Conv(NamedTuple):
    """3x3 convolution without bias."""

    inputs: int
    outputs: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.outputs, self.inputs, FILTER, FILTER

    def shared(self, weight: Tensor, x: Tensor) -> Tensor:
        """One weight for all rows: x [Q, c, H, H]."""
        return F.conv2d(x, weight, padding=1)

    def each(self, weight: Tensor, x: Tensor) -> Tensor:
        """A weight for each row, [Q, C, c, 3, 3]: rows are the groups of one convolution."""
        grouped = F.conv2d(x.flatten(0, 1)[None], weight.flatten(0, 1), padding=1, groups=len(x))
        return grouped.view(len(x), self.outputs, *x.shape[-2:])

    def mixed(self, weight: Tensor, attention: Tensor, x: Tensor) -> Tensor:
        """Each row with its attended mean of the weights [I, ...]; averaging weights is cheaper than results."""
        return self.each((attention @ weight.flatten(1)).view(-1, *self.shape), x)


class Dense(NamedTuple):
    """Linear layer; its bias, if any, is the weight of an additional last input of 1."""

    inputs: int
    outputs: int
    bias: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return self.outputs, self.inputs + self.bias

    def _append_one(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 1), value=1.0) if self.bias else x

    def shared(self, weight: Tensor, x: Tensor) -> Tensor:
        """One weight [O, F] for all rows: x [Q, ..., F]."""
        return self._append_one(x) @ weight.T

    def each(self, weight: Tensor, x: Tensor) -> Tensor:
        """A weight for each row, [Q, O, F]."""
        rows = self._append_one(x).reshape(len(x), -1, self.shape[1])  # [Q, k, F]
        return (rows @ weight.mT).view(*x.shape[:-1], self.outputs)

    def mixed(self, weight: Tensor, attention: Tensor, x: Tensor) -> Tensor:
        """Each row with its attended mean of the weights [I, O, F]: sum_i a_i (W_i x), without forming the mean."""
        weighted = (attention[:, :, None] * self._append_one(x)[:, None]).flatten(1)  # [Q, I * F]
        return weighted @ weight.mT.flatten(0, 1)


Layer = Conv | Dense
Branch = Callable[[str, Layer, Tensor], Tensor]
"""(name, layer, input) -> output of the layer with one set of weights."""


def shared(weights: Params) -> Branch:
    """One set of weights for all rows."""
    return lambda name, layer, x: layer.shared(weights[name], x)


def each(weights: Params) -> Branch:
    """A set of weights for each row, [Q, ...]."""
    return lambda name, layer, x: layer.each(weights[name], x)


def mixed(weights: Params, attention: Tensor) -> Branch:
    """The mean of weights [I, ...] of a memory under the attention [Q, I] of each row."""
    return lambda name, layer, x: layer.mixed(weights[name], attention, x)


@dataclass(frozen=True)
class Augmented:
    """Blocks of convolution, ReLU and 2x2 max pooling, then dense layers, on any number of branches.

    last_gain: factor of the last layer's initial weights, whose variance is otherwise 1 / fan-in.
    """

    convs: tuple[Conv, ...]
    denses: tuple[Dense, ...]
    last_gain: float = 1.0

    @property
    def layers(self) -> dict[str, Layer]:
        named = {f"conv{i}": layer for i, layer in enumerate(self.convs)}
        return {**named, **{f"dense{i}": layer for i, layer in enumerate(self.denses)}}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of layers, each of which has its own generators of fast weights."""
        return ("conv", "dense") if self.convs else ("dense",)

    @property
    def last(self) -> str:
        """Name of the last layer."""
        return f"dense{len(self.denses) - 1}"

    @property
    def event_dims(self) -> int:
        """Number of axes of one input: three for an image."""
        return 3 if self.convs else 1

    def init(self, generator: torch.Generator) -> Params:
        """Normal weights of variance 2 / fan-in (He et al. 2015), except for the last layer; biases zero."""
        params: Params = {}
        for name, layer in self.layers.items():
            weight = torch.empty(layer.shape)
            fan_in = weight[0].numel() - (isinstance(layer, Dense) and layer.bias)
            gain = self.last_gain if name == self.last else 2**0.5
            weight.normal_(std=gain * fan_in**-0.5, generator=generator)
            if isinstance(layer, Dense) and layer.bias:
                weight[:, -1] = 0.0
            params[name] = weight
        return params

    def __call__(self, x: Tensor, *branches: Branch) -> Tensor:
        """x [Q, c, H, H] or [Q, ..., F] -> output of the last layer, [Q, ..., O]."""
        x = _add([part.relu() for part in self._hidden(x, branches)])
        return _add([branch(self.last, self.denses[-1], x) for branch in branches])

    def key(self, x: Tensor, *branches: Branch) -> Tensor:
        """The last hidden layer before its ReLU, [Q, ..., D]."""
        return _add(self._hidden(x, branches))

    def _hidden(self, x: Tensor, branches: tuple[Branch, ...]) -> list[Tensor]:
        """Output of the last hidden layer of each branch, before its ReLU."""
        for i, conv in enumerate(self.convs):
            x = F.max_pool2d(_augment(branches, f"conv{i}", conv, x), 2, ceil_mode=True)  # rounds odd sizes up
        x = x.flatten(1) if self.convs else x
        for i, dense in enumerate(self.denses[:-2]):
            x = _augment(branches, f"dense{i}", dense, x)
        return [branch(f"dense{len(self.denses) - 2}", self.denses[-2], x) for branch in branches]


def _augment(branches: tuple[Branch, ...], name: str, layer: Layer, x: Tensor) -> Tensor:
    return _add([branch(name, layer, x).relu() for branch in branches])


def _add(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


def conv_network(way: int, channels: int = 64, blocks: int = 5, image: tuple[int, int] = (1, 28)) -> Augmented:
    """The authors' image network: five blocks, a hidden layer and `way` logits, all without biases.

    image: channels and pixels of a side.
    """
    inputs, size = image
    convs = tuple(Conv(inputs if i == 0 else channels, channels) for i in range(blocks))
    for _ in range(blocks):
        size = (size + 1) // 2
    features = channels * size * size
    return Augmented(convs, (Dense(features, channels, bias=False), Dense(channels, way, bias=False)))


def dense_network(inputs: int, outputs: int, hidden: tuple[int, ...], last_gain: float = 1.0) -> Augmented:
    """A ReLU perceptron with biases: without them a function of one number is linear on each side of zero."""
    sizes = (inputs, *hidden, outputs)
    return Augmented((), tuple(Dense(a, b, bias=True) for a, b in pairwise(sizes)), last_gain)
