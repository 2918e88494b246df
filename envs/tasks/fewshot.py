"""Few-shot images of characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from envs.task_settings import ON_THREADS, Answers, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.fewshot.episodes import FewShotImages


class Settings(TaskSettings):
    """Images of characters: `way` classes a task, `shot` support and `query` query drawings of each."""

    kind: Literal["fewshot"] = "fewshot"
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

    answers: ClassVar[Answers] = "classes"
    evaluator: ClassVar[str] = "accuracy"
    wants_gpu: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        return self.way

    @property
    def image_size(self) -> int:
        return self.size

    @property
    def pixels(self) -> int:
        return self.way * (self.shot + self.query) * self.size**2

    @property
    def data_name(self) -> str:
        """The images, under the name that published results have."""
        return self.data

    def data_key(self) -> dict[str, Any]:
        return self.model_dump(exclude={"way", "shot", "query", "distort"})

    def undistorted(self, **changes: int) -> Self:
        """The same as they are evaluated on, with other numbers of classes, shots or queries."""
        return self.model_copy(update={"distort": False} | changes)

    def build(self, simulation: Simulation = ON_THREADS) -> FewShotImages:
        from envs.fewshot import glyphs, omniglot
        from envs.fewshot.episodes import FewShotImages
        from envs.fewshot.images import SPLITS

        if self.data == "omniglot":
            images = omniglot.load(splits=self.splits, size=self.size, resize=self.resize)
        else:
            images = glyphs.load(size=self.size)
        turns = SPLITS if self.turn_test_classes else SPLITS[:1]
        return FewShotImages(images, self.way, self.shot, self.query, turns, self.distort)
