"""Siamese networks: pairs of the same class, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from agents.settings import BatchNorm, EmbeddingSettings, LearnerSettings
from envs.registry import nearest
from envs.settings import NonNegative
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner, Problem


class Settings(LearnerSettings):
    """Siamese networks (Koch et al. 2015), trained on the pairs of an episode.

    network: Koch's own, for images of 105 x 105 and without batch normalisation, or the embedding of the others.
    l2: the penalty on the squared weights of a layer, by layer.
    """

    kind: Literal["siamese"] = "siamese"
    network: Literal["conv4", "koch"] = "conv4"
    bn: BatchNorm | None = None
    l2: dict[str, NonNegative] = Field(default_factory=dict)
    embedding: EmbeddingSettings = EmbeddingSettings()
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    @model_validator(mode="after")
    def _fits_network(self) -> Self:
        if self.network == "koch" and (self.bn is not None or self.embedding != EmbeddingSettings()):
            raise ValueError("network koch has an embedding of its own, not normalised: leave embedding and bn out")
        layers = ["conv0", "conv1", "conv2", "conv3", "distance", *(["dense"] if self.network == "koch" else [])]
        for layer in self.l2:
            if layer not in layers:
                raise ValueError(f"l2 names the layer {layer!r}; {nearest(layer, layers)}")
        return self

    @property
    def image_size(self) -> int:
        return 105 if self.network == "koch" else 28

    @property
    def image_reader(self) -> str:
        return "network koch" if self.network == "koch" else super().image_reader

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Siamese
        from agents.nn.koch import Koch

        l2 = tuple((layer if layer == "distance" else f"{layer}.weight", coef) for layer, coef in self.l2.items())
        if self.network == "koch":
            return Siamese(Koch(), problem.way, "none", "drawn", l2)
        return Siamese(self.embedding.build(), problem.way, self.bn or "running", "near", l2)
