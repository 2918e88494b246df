"""What the small JSON files of a run say, each of a type of its own. What does not fit its type is not believed."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metarl.system.strict_json import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from metarl.system.folders import Folder

log = logging.getLogger(__name__)
MAX_BYTES = 2**16  # of one of these files; chosen
MAX_ITERATION = 10**11  # chosen: what fits into the name of a checkpoint
UNREADABLE = (OSError, ValueError)
Count = Annotated[int, Field(ge=0, lt=2**63)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1000)]


class Stored(BaseModel):
    """A JSON object; keys that it does not know are those of another version."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Environment(Stored):
    """environment.json: what a run was started with."""

    commit: Text | None = None
    launch: Text | None = None
    job: Text | None = None
    plugins: Annotated[list[Text], Field(max_length=20)] = []
    packages: Annotated[list[Text], Field(max_length=20)] = []
    model: Text | None = None  # digest of the files of a robot of the user's own
    weights: Text | None = None  # digest of pretrained weights
    started: Annotated[int, Field(ge=0, lt=2**62)] | None = None  # ns since 1970, in UTC; see `metarl.runs.order`


class Place(Stored):
    """place.json: what `auto` chose."""

    simulator: Literal["cpu", "gpu"] | None = None
    device: Literal["cpu", "cuda"] | None = None


class Numbers(Stored):
    """state.json: the numbers of a checkpoint."""

    iteration: Annotated[int, Field(ge=0, lt=MAX_ITERATION)]
    env_steps: Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    score: Finite | None = None


class FileSum(Stored):
    """An entry of manifest.json."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Count


S = TypeVar("S", bound=BaseModel)


def parse(kind: type[S], content: bytes | str) -> S:
    """What a JSON text says. Raises ValueError, in one line, where it does not fit the type."""
    return checked(kind, parse_json(content))


def checked(kind: type[S], found: Any) -> S:
    """The same of what was parsed before."""
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def first_problem(error: ValidationError) -> str:
    """In one line, without what was got."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def read(kind: type[S], folder: Folder, name: str, empty: S) -> S:
    """What a file in a folder says; `empty` where it is missing, or, with a warning, where it cannot be believed."""
    try:
        return parse(kind, folder.read(name, MAX_BYTES))
    except FileNotFoundError:
        return empty
    except UNREADABLE as error:
        ignored(folder.path / name, error)
        return empty


def ignored(path: Path, error: Exception) -> None:
    """Warn that a file is left out, once however often it is looked at."""
    _warn(str(path), str(getattr(error, "strerror", None) or error)[:300])


@lru_cache(1000)
def _warn(path: str, problem: str) -> None:
    log.warning("%s is left out: %s", path, problem)
