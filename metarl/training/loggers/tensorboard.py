"""TensorBoard: event files in the run's folder `tensorboard/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metarl.config import plain_yaml
from metarl.config.loggers import LoggedRun, Logger, Metrics, flattened
from metarl.system.folders import Folder
from metarl.training.animation import gif_of

FOLDER = "tensorboard"
FLUSH = 10  # s after which what is logged is on the disk; chosen


class TensorBoard(Logger):
    """Scalars, hyper-parameters, the config as text and clips: `tensorboard --logdir runs` shows all runs.

    A resumed training writes another file, which says from which iteration on those before it do not count.
    """

    name, package, extra = "tensorboard", "tensorboard", "tensorboard"

    def __init__(self, run: LoggedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with Folder.opened(run.path / FOLDER, own=2, make=True):  # which is no link, and neither is the run's
            pass
        purge = run.iteration + 1 if run.iteration else None
        self.writer: Any = SummaryWriter(str(run.path / FOLDER), purge_step=purge, flush_secs=FLUSH)
        self.config = flattened(run.config)
        text = "".join(f"    {line}\n" for line in plain_yaml.dump(run.config).splitlines())  # code, in Markdown
        self.writer.add_text("config", text, run.iteration)

    def log(self, metrics: Metrics) -> None:
        if self.config:
            self._describe(metrics)
        step = int(metrics["iteration"])
        for name, value in metrics.items():
            if name != "iteration":
                self.writer.add_scalar(name, value, step)

    def _describe(self, metrics: Metrics) -> None:
        """Hyper-parameters, and which scalars depend on them; in the same file, so that a run stays one run."""
        from torch.utils.tensorboard import summary as summaries

        described: Any = summaries
        for summary in described.hparams(self.config, dict.fromkeys(metrics, 0.0)):
            self.writer.file_writer.add_summary(summary)
        self.config = {}

    def film(self, iteration: int, path: Path) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        gif, height, width = gif_of(path)
        image = Summary.Image(encoded_image_string=gif, height=height, width=width, colorspace=3)
        self.writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="video", image=image)]), iteration)

    def close(self) -> None:
        self.writer.close()


LOGGER = TensorBoard
