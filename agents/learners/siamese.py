"""Siamese networks: verification of pairs of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from agents.network_settings import EmbeddingSettings
from agents.settings import Look, MetricSettings
from envs.registry import nearest
from envs.settings import NonNegative

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(MetricSettings):
    """Siamese networks (Koch et al. 2015): verification of the pairs of an episode.

    network: the embedding of the other learners (`conv4`), or Koch's own for images of 105 x 105 pixels, without batch
    normalisation (`koch`). rule: a query gets the class with the largest `mean` log-odds over its shots, or that of the
    `nearest` support item. l2:
    coefficient of the penalty on the squared weights of a layer, by the layer's name. embedding: the image embedding of
    `conv4`.
    """

    kind: Literal["siamese"] = "siamese"
    names: ClassVar[dict[str, Look]] = {"Siamese": Look("purple", "D")}
    network: Literal["conv4", "koch"] = "conv4"
    rule: Literal["mean", "nearest"] = "mean"
    l2: dict[str, NonNegative] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_network(self) -> Self:
        if self.network == "koch" and (self.bn != "running" or self.embedding != EmbeddingSettings()):
            raise ValueError(
                "network koch has its own embedding without batch normalisation: leave out embedding and bn"
            )
        layers = ["conv0", "conv1", "conv2", "conv3", "distance", *(["dense"] if self.network == "koch" else [])]
        if self.embedding.network == "pretrained":
            layers = ["linear", "distance"]
        for layer in self.l2:
            if layer not in layers:
                raise ValueError(f"l2 has no layer {layer!r}; {nearest(layer, layers)}")
        return self

    @property
    def image_sizes(self) -> tuple[int, int]:
        return (105, 105) if self.network == "koch" else super().image_sizes

    @property
    def image_reader(self) -> str:
        return "network koch" if self.network == "koch" else super().image_reader

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Siamese
        from agents.nn.koch import Koch

        l2 = tuple((layer if layer == "distance" else f"{layer}.weight", coef) for layer, coef in self.l2.items())
        if self.network == "koch":
            return Siamese(Koch(problem.image[0]), problem.way, "none", "normal", l2, self.rule)
        return Siamese(self.embedding.build(problem.image), problem.way, self.bn, "scaled", l2, self.rule)
