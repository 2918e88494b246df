"""Networks that are given a context vector beside their input: what CAVIA adapts.

Axes: `K` context, `C` channels, `S` images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol

import torch
from torch import Tensor

from agents.nn.embeddings import Conv4
from agents.records import Network, Out, Params

FILM_BLOCK = 2  # the third of four (Zintgraf et al. 2019, appendix C)


class ContextNetwork(Protocol[Out]):
    """A pure function of parameters, an input and a context."""

    def init(self, generator: torch.Generator) -> Params: ...

    def __call__(self, params: Params, x: Tensor, context: Tensor) -> Out: ...


@dataclass(frozen=True)
class Concatenated(Generic[Out]):
    """A network of inputs I + K that reads the context beside its input (Zintgraf et al. 2019, section 3.2)."""

    network: Network[Out]

    def init(self, generator: torch.Generator) -> Params:
        return self.network.init(generator)

    def __call__(self, params: Params, x: Tensor, context: Tensor) -> Out:
        """x [..., I], context [K]."""
        return self.network(params, torch.cat([x, context.expand(*x.shape[:-1], -1)], -1))


class FilmClassifier:
    """Four convolutional blocks and a linear layer to `way` logits, where the context scales and shifts the feature
    maps of the third block (Zintgraf et al. 2019, section 3.2 and appendix C; Perez et al. 2018, FiLM).

    scale, shift = 1 + W context, V context: a context of zeros changes nothing. The authors' layer has biases in place
    of the 1, which batch normalisation has already. Each batch of images is normalised by itself.
    """

    def __init__(self, embedding: Conv4, way: int, context: int) -> None:
        self.embedding, self.way, self.context = embedding, way, context

    def init(self, generator: torch.Generator) -> Params:
        """Xavier-uniform weights, also of the last layer: with zeros there the context would have no gradient."""
        film = torch.empty(2 * self.embedding.channels, self.context)
        last = torch.empty(self.way, self.embedding.dim)
        for weight in (film, last):
            torch.nn.init.xavier_uniform_(weight, generator=generator)
        own = {"film.weight": film, "last.weight": last, "last.bias": torch.zeros(self.way)}
        return self.embedding.init(generator) | own

    def __call__(self, params: Params, x: Tensor, context: Tensor) -> Tensor:
        """x [S, c, H, H], context [K] -> logits [S, way]."""
        scale, shift = (params["film.weight"] @ context).chunk(2)
        name = f"conv{FILM_BLOCK}."
        gain, offset = params[f"{name}scale"], params[f"{name}shift"]
        # maps * (1 + scale) + shift of maps * gain + offset is a normalisation with another gain and offset
        film = {f"{name}scale": gain * (1 + scale), f"{name}shift": offset * (1 + scale) + shift}
        return self.embedding(params | film, x).z @ params["last.weight"].T + params["last.bias"]
