"""Images that must be fetched, and some that are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import console, no_overrides, within, writable
from metarl.cli.progress import progress_display
from metarl.errors import UserError


@dataclass
class Data:
    """Fetch Omniglot from its author's repository (17 MB), check it, and pack it for training; or draw coloured shapes.

        metarl data omniglot                    into the user's cache, where every verb looks
        metarl data omniglot --from downloads   packs archives that were downloaded by hand
        metarl data shapes --out DIR            a folder of PNG files for each class, to train on with --data DIR

    What is there already is not fetched again.
    """

    what: Annotated[
        Positional[Literal["omniglot", "shapes"]],
        arg(help="omniglot: 1623 characters of 50 alphabets; shapes: coloured shapes with textures, in RGB"),
    ]
    out: Path | None = None
    """the folder of the files; by default the user's cache, or for shapes one of that name"""
    archives: Annotated[Path | None, arg(name="from", help_behavior_hint="")] = None
    """of omniglot: a folder that holds images_background.zip and images_evaluation.zip"""
    classes: int = 288
    """of shapes: how many classes"""
    images: int = 20
    """of shapes: how many pictures of each class"""
    given: ClassVar[frozenset[str]] = frozenset()  # the options of the command line; set by `metarl.cli.parsing`

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        others = {"omniglot": ("classes", "images"), "shapes": ("from",)}[self.what]
        if strange := [name for name in others if name in self.given]:
            raise UserError(f"--{strange[0]} is not for {self.what}: leave it out")
        return self._omniglot() if self.what == "omniglot" else self._shapes()

    def _shapes(self) -> int:
        from envs.fewshot.shapes import kinds
        from metarl.system.drawing import write_shapes

        within("classes", self.classes, 1, len(kinds()))
        within("images", self.images, 1, 1000)
        folder = self.out or Path("shapes")
        with progress_display() as progress:
            progress.expect(self.classes * self.images)
            progress.begin(f"drawing {self.classes * self.images} pictures")
            write_shapes(folder, self.classes, self.images, progress.advance)
        console.print(
            f"wrote {self.classes} classes of {self.images} pictures: metarl train prototypical_images --data {folder}",
            soft_wrap=True,
            highlight=False,
        )
        return 0

    def _omniglot(self) -> int:
        if self.archives is not None and not self.archives.is_dir():
            raise UserError(f"--from is {str(self.archives)!r}, expected a folder")
        from envs.fewshot import omniglot
        from metarl.system import downloads as data

        folder = self.out or omniglot.cache_folder()
        missing = data.missing_omniglot(folder)
        for path in missing:
            writable(path, (".npz",))
        if missing:
            data.make_omniglot(missing, self.archives, console)
        for path in missing:
            console.print(f"wrote {path}", soft_wrap=True, highlight=False)
        if not missing:
            console.print(f"{folder} holds {' and '.join(omniglot.FILES)} already", soft_wrap=True, highlight=False)
        if self.out is not None:
            console.print(
                f"to train on it: --data {self.out}, or METARL_DATA={self.out}", soft_wrap=True, highlight=False
            )
        return 0
