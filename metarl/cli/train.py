"""Training."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import as_options
from metarl.cli.images import images_from, with_place
from metarl.cli.training import start
from metarl.config import files as settings
from metarl.config import plugins
from metarl.runs.names import name_of_config


@dataclass
class Train:
    """Train a config; any setting is changed by --section.key VALUE.

        metarl train quickstart --help                                every setting: its type, default and meaning
        metarl train maml_slope --learner.inner_lr 0.2 --policy.hidden 32 32
        metarl train my_own.yaml --seed 1

    A run is a folder below runs/, named after the config. Ctrl-C saves it, and `metarl resume` goes on with it.
    """

    config: Annotated[Positional[str], arg(help="a shipped config's name, or a path", metavar="CONFIG")]
    seed: int | None = None
    """of all random numbers; by default the config's"""
    data: Path | None = None
    """of images: the folder of your own, or packed Omniglot, by default METARL_DATA or the cache (see `metarl data`)"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        overrides = overrides | ({} if self.seed is None else {"seed": self.seed})
        path = settings.find(self.config)
        config = with_place(self.data, settings.load(path, overrides))
        images_from(self.data, config)
        where = [] if self.data is None else [f"--data {shlex.quote(str(self.data))}"]
        command = " ".join(
            ["metarl train", shlex.quote(self.config), *as_options(overrides), *where, *plugins.as_options()]
        )
        return start(name_of_config(path), config, command)
