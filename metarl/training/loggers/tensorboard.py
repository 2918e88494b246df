"""TensorBoard: event files in the run's folder `tensorboard/`.

They are written here and now, by its own records: its writer has a thread whose failures are learned of later.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from metarl.config import plain_yaml
from metarl.config.loggers import LoggedRun, Logger, Metrics, flattened
from metarl.system.folders import Folder
from metarl.training.animation import gif_of

FOLDER = "tensorboard"
VERSION = "brain.Event:2"  # of the format, in the first record of a file


class TensorBoard(Logger):
    """Scalars, hyper-parameters, the config as text and clips: `tensorboard --logdir runs` shows all runs.

    A resumed training writes another file, which says from which iteration on those before it do not count.
    """

    name, package, extra = "tensorboard", "tensorboard", "tensorboard"

    def __init__(self, run: LoggedRun) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.plugins.text.summary_v2 import text_pb
        from tensorboard.summary.writer.record_writer import RecordWriter

        with Folder.opened(run.path / FOLDER, own=2, make=True) as folder:  # which is no link, and neither is the run's
            self.file = folder.create(f"events.out.tfevents.{time.time():.6f}.metarl.{os.getpid()}")
        self.records = RecordWriter(self.file)
        self._write(0, file_version=VERSION)
        if run.iteration:
            self._write(run.iteration + 1, session_log=SessionLog(status=SessionLog.START))
        code = "".join(f"    {line}\n" for line in plain_yaml.dump(run.config).splitlines())  # in Markdown
        self._write(run.iteration, summary=text_pb("config", code))
        self._write(run.iteration, summary=hparams_pb(flattened(run.config)))

    def log(self, metrics: Metrics) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=x) for name, x in metrics.items() if name != "iteration"]
        self._write(int(metrics["iteration"]), summary=Summary(value=values))

    def film(self, iteration: int, path: Path) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        gif, height, width = gif_of(path)
        image = Summary.Image(encoded_image_string=gif, height=height, width=width, colorspace=3)
        self._write(iteration, summary=Summary(value=[Summary.Value(tag="video", image=image)]))

    def close(self) -> None:
        self.file.close()

    def _write(self, iteration: int, **content: Any) -> None:
        """A record; TensorBoard sees it at once."""
        from tensorboard.compat.proto.event_pb2 import Event

        self.records.write(Event(wall_time=time.time(), step=iteration, **content).SerializeToString())
        self.file.flush()


LOGGER = TensorBoard
