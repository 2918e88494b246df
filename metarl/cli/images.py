"""Where the images of few-shot tasks lie, and that they are packed before work begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarl.cli.progress import progress_display
from metarl.config.experiment import Config
from metarl.errors import UserError

if TYPE_CHECKING:
    from metarl.evaluation.progress import Progress


def images_from(path: Path | None, config: Config) -> None:
    """Let this process read the images from where --data says: Omniglot, before METARL_DATA and the cache, or a folder
    of the user's own, which is packed here, with a bar, where it is not yet.

    Raises UserError where there are none, or where the tasks are of something else.
    """
    data = getattr(config.tasks, "data", None)
    if data == "folder":
        _folder(path, config.tasks)
    elif path is not None and data != "omniglot":
        raise UserError(
            "--data says where Omniglot lies, and these tasks are of something else: for images of your own give "
            "--tasks.data folder too"
        )
    elif path is not None:
        _omniglot(path)


def with_place(path: Path | None, config: Config) -> Config:
    """The config of a new run, which remembers where its folder of images lies."""
    tasks: Any = config.tasks
    given = path or getattr(tasks, "path", None)
    if getattr(tasks, "data", None) != "folder" or not given:
        return config
    return config.model_copy(update={"tasks": tasks.model_copy(update={"path": str(Path(given).absolute())})})


def _omniglot(path: Path) -> None:
    from envs.fewshot import omniglot

    found = omniglot.packed_in(path)
    if found is None:
        raise UserError(
            omniglot.advice(path)
            or f"--data is {str(path)!r}, which is no packed Omniglot and holds none: see metarl data --help"
        )
    os.environ["METARL_DATA"] = str(found)


def _folder(path: Path | None, tasks: Any) -> None:
    from envs.fewshot import folder, image_pack

    if path is not None:
        os.environ[folder.PLACE] = str(path.absolute())
    try:
        with progress_display() as progress:
            image_pack.packed(folder.folder_of(tasks.path), tasks.size, tasks.channels, _told(progress))
    except ValueError as error:
        raise UserError(f"tasks: {error}") from None


def _told(progress: Progress) -> Callable[[int], Callable[[int], None]]:
    def begin(count: int) -> Callable[[int], None]:
        progress.expect(count)
        progress.begin(f"packing {count} images")
        return progress.advance

    return begin
