"""A run to the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import RunArg, console, no_overrides


@dataclass
class Push:
    """Share a run on the Hugging Face Hub: one checkpoint, settings, and a card with its evaluations.

        metarl push RUN user/name --private
        metarl evaluate hf://user/name --split ood            every command that takes a run takes it from there

    You have to be logged in there (`hf auth login`). The optimiser's state and the machine are left out; the
    command of the training is shared as it was typed.
    """

    run: RunArg
    repo: Annotated[
        Positional[str], arg(help="USER/NAME of the repository, which is made if it is not there", metavar="REPO")
    ]
    private: bool = False
    """only you can see it"""
    clip: Path | None = None
    """an mp4 to put beside it; by default the newest one of --train.video_every"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.deploy.publishing import push
        from metarl.runs import folder as runs

        run = runs.find(self.run)
        with console.status(f"sharing {run.name}"):
            address = push(run, self.repo, private=self.private, clip=self.clip)
        console.print(f"shared {run.name} as {address}", soft_wrap=True)
        return 0
