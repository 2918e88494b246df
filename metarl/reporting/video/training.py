"""Videos of a policy while it is trained."""

from __future__ import annotations

from pathlib import Path

from agents.learner import Params
from metarl.config.experiment import Config
from metarl.reporting.video.encoding import write_video
from metarl.reporting.video.sources import source_of_config
from metarl.system.folders import Folder


class TrainingVideo:
    """Clips of one unseen task during training, the same task every time; training is not affected by them.

    Raises UserError where the tasks have no robot.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder = folder
        self.source = source_of_config(config)

    def film(self, iteration: int, theta: Params) -> Path:
        """Write `iteration_<n>.mp4` atomically; its path. Raises OSError or RuntimeError where that fails."""
        trainer = self.source.trainer
        trainer.outer.assign({k: v.cpu() for k, v in theta.items()})
        clips = self.source.clips({}, None, 1, False, trainer.config.seed)
        path = self.folder / f"iteration_{iteration:07d}.mp4"
        with Folder.opened(self.folder, own=2, make=True):  # which is no link, and neither is the run's
            write_video(clips, self.source.family, path, len(clips))
        return path
