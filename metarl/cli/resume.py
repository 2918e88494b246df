"""Going on with a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import RUN, no_overrides
from metarl.cli.images import images_from
from metarl.cli.training import prepare, resume
from metarl.config import files as settings
from metarl.errors import UserError

CHANGEABLE = ("train.iterations", "train.logger")  # what may change: nothing of it changes what was learned


@dataclass
class Resume:
    """Go on with a run that was stopped, from its newest checkpoint, or from the start where there is none.

    The number of iterations may change, also of a run that is finished, and the loggers; all else is as it was:

        metarl resume maml_point --train.iterations 200     up to 200 iterations in all
        metarl resume maml_point --train.logger []          without the loggers that it was started with
    """

    run: Annotated[Positional[str], arg(help=RUN, metavar="RUN")]
    data: Path | None = None
    """of images: where the folder of your own lies now, or packed Omniglot, by default METARL_DATA or the cache"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides({key: value for key, value in overrides.items() if key not in CHANGEABLE})
        from metarl.distributed.process_group import process_group
        from metarl.runs import folder as runs

        with process_group() as ranks:
            if self.run.endswith(runs.BEST):
                raise UserError(f"{self.run}: training resumes from the newest checkpoint: give the run without @best")
            found = str(runs.find(self.run).path) if ranks.is_first else ""
            run = runs.Run(Path(ranks.broadcast(found.encode()).decode()))
            images_from(self.data, run.config)
            config = settings.load(run.path / "config.yaml", overrides) if overrides else run.config
            prepare(config)
            return resume(run, config, ranks)
