"""Videos of robots: one task before and after adaptation side by side, or many tasks in a grid.

Import this before mujoco, or set MUJOCO_GL: the rendering backend is chosen when mujoco is imported.
"""

from metarl.system import rendering

rendering.choose()

from metarl.reporting.video.clips import Clip
from metarl.reporting.video.encoding import render, write_mp4, write_video
from metarl.reporting.video.sources import RunSource, TaskSource, source_of_run, source_of_tasks
from metarl.reporting.video.training import TrainingVideo

__all__ = [
    "Clip",
    "RunSource",
    "TaskSource",
    "TrainingVideo",
    "render",
    "source_of_run",
    "source_of_tasks",
    "write_mp4",
    "write_video",
]
