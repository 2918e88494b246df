"""Few-shot images: characters, or the pictures of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from envs.settings import NonNegative
from envs.task_settings import ON_THREADS, Answers, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.fewshot.episodes import FewShotImages
    from envs.fewshot.pictures import Form, How

LARGE = 105  # pixels of a side, of Omniglot's images
MOST_SHOTS = 19  # of drawings of a character, of which there are 20
OF_FOLDERS = ("path", "channels", "shares", "split_seed", "augment")
OF_CHARACTERS = ("splits", "resize", "turn_test_classes", "one_alphabet")


class Settings(TaskSettings):
    """Images: `way` classes a task, `shot` support and `query` query images of each."""

    kind: Literal["fewshot"] = "fewshot"
    data: Literal["omniglot", "glyphs", "folder"] = "glyphs"
    path: str | None = None
    way: Annotated[int, Field(ge=2, le=1000, strict=True)] = 5
    shot: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    query: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5
    splits: Literal["vinyals", "lake"] = "vinyals"
    resize: Literal["nearest", "area"] = "nearest"
    turn_test_classes: bool = True
    one_alphabet: bool = False
    size: Annotated[int, Field(ge=28, le=LARGE, strict=True)] = 28
    channels: Literal[1, 3] = 1
    shares: tuple[NonNegative, NonNegative, NonNegative] = (0.64, 0.16, 0.2)
    split_seed: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 0
    distort: bool = False
    augment: bool = False

    @model_validator(mode="after")
    def _resizes_something(self) -> Self:
        if self.resize != "nearest" and self.data == "glyphs":
            raise ValueError("resize says how images of Omniglot become smaller: with data glyphs leave it out")
        if self.resize != "nearest" and self.size == LARGE:
            raise ValueError(f"resize says how images become smaller: with size {self.size} leave it out")
        return self

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        is_folder = self.data == "folder"
        for name in OF_CHARACTERS if is_folder else OF_FOLDERS:
            if getattr(self, name) != type(self).model_fields[name].default:
                whose = "characters: with data folder" if is_folder else f"data folder: with data {self.data}"
                raise ValueError(f"{name} is for {whose} leave it out")
        if is_folder and (abs(sum(self.shares) - 1) > 1e-6 or not self.shares[0] or not self.shares[2]):
            raise ValueError(
                f"shares are {list(self.shares)}, expected those of training, validation and testing, which sum to 1, "
                "the first and the last above 0"
            )
        if not is_folder and max(self.shot, self.query) > MOST_SHOTS:
            raise ValueError(f"shot and query are at most {MOST_SHOTS}: a character has 20 drawings")
        return self

    answers: ClassVar[Answers] = "classes"
    evaluator: ClassVar[str] = "accuracy"
    wants_gpu: ClassVar[bool] = True
    files_are: ClassVar[str] = "other images"

    @property
    def outputs(self) -> int:
        return self.way

    @property
    def image_size(self) -> int:
        return self.size

    @property
    def image_channels(self) -> int:
        return self.channels

    @property
    def pixels(self) -> int:
        return self.way * (self.shot + self.query) * self.channels * self.size**2

    @property
    def data_name(self) -> str:
        """The images, under the name that published results have."""
        return self.data

    def data_key(self) -> dict[str, Any]:
        return self.model_dump(exclude={"way", "shot", "query", "distort", "augment"})

    def model_digest(self) -> str | None:
        if self.data != "folder":
            return None
        from envs.fewshot import folder

        return folder.digest(folder.folder_of(self.path), self.size, self.channels)

    def form(self) -> Form:
        """What pictures from elsewhere become: characters are learned from as bright ink on a dark ground."""
        from envs.fewshot.pictures import Form

        how: How = "bilinear" if self.data != "omniglot" else self.resize
        return Form(self.size, self.channels, self.data != "folder", how)

    def undistorted(self, **changes: int) -> Self:
        """The same as they are evaluated on, with other numbers of classes, shots or queries."""
        return self.model_copy(update={"distort": False, "augment": False} | changes)

    def build(self, simulation: Simulation = ON_THREADS) -> FewShotImages:
        from envs.fewshot import folder, glyphs, omniglot
        from envs.fewshot.episodes import FewShotImages
        from envs.fewshot.images import SPLITS

        sizes = (self.way, self.shot, self.query)
        if self.data == "folder":
            place = folder.folder_of(self.path)
            photos = folder.load(place, self.size, self.channels, self.shares, self.split_seed)
            return FewShotImages(photos, *sizes, (), self.distort, self.augment)
        if self.data == "omniglot":
            images = omniglot.load(splits=self.splits, size=self.size, resize=self.resize)
        else:
            images = glyphs.load(size=self.size)
        turns = SPLITS if self.turn_test_classes else SPLITS[:1]
        return FewShotImages(images, *sizes, turns, self.distort, one_alphabet=self.one_alphabet)
