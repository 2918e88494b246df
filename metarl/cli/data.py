"""Data that must be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import console, no_overrides, writable
from metarl.errors import UserError


@dataclass
class Data:
    """Fetch Omniglot from its author's repository (17 MB), check it, and pack it for training.

        metarl data omniglot                    into the user's cache, where every verb looks
        metarl data omniglot --from downloads   packs archives that were downloaded by hand

    What is there already is not fetched again.
    """

    what: Annotated[Positional[Literal["omniglot"]], arg(help="omniglot: 1623 characters of 50 alphabets")]
    out: Path | None = None
    """the folder of the packed files; by default the user's cache"""
    archives: Annotated[Path | None, arg(name="from", help_behavior_hint="")] = None
    """a folder that holds images_background.zip and images_evaluation.zip"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
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
