"""Films of robots and pictures of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import (
    PICTURES,
    RUN_OR_BEST,
    Split,
    console,
    positive,
    task_parameters,
    unused,
    within,
    writable,
)
from metarl.cli.images import images_from
from metarl.errors import UserError
from metarl.reporting.film_events import task_of_event
from metarl.runs.folder import Run
from metarl.runs.names import name_of_config

if TYPE_CHECKING:
    from metarl.reporting.video import Clip

SLOWEST, FASTEST = 0.05, 10.0  # of playback


@dataclass
class Record:
    """Film a run before and after adaptation, or any tasks with an untrained policy; --task.NAME VALUE fixes a number.

        metarl record RUN                                     one unseen task, before and after; a memory: off and on
        metarl record RUN --grid 3x3                          nine unseen tasks, after adaptation
        metarl record --tasks AntStairsUp --policy random     tasks of `metarl list tasks`, or of a config
        metarl record gru_point --grid 2x3                    of points no film, but their paths, as a png

    A run on images has no body: one unseen episode is drawn, with the answers, as a png.
    """

    run: Annotated[Positional[str | None], arg(help=RUN_OR_BEST, metavar="[RUN]", help_behavior_hint="")] = None
    tasks: str | None = None
    """without a run: a name of `metarl list tasks`, or a config whose tasks are meant"""
    policy: Literal["random", "zero"] | None = None
    """without a run: what acts, by default random"""
    grid: str | None = None
    """ROWSxCOLUMNS of different tasks in one clip, such as 3x3"""
    out: Path | None = None
    """the mp4 to write, or of a run on images or points the png, svg or pdf; by default below videos/"""
    split: Split | None = None
    """where tasks are drawn from; by default ood if there is one, else test"""
    episodes: int | None = None
    """episodes to adapt on, by default as many as in training; the one with the median return is shown"""
    rounds: int | None = None
    """rounds of adaptation, by default 1; of a memory, which adapts within its first episode, 0, and of its paths 2"""
    steps: int | None = None
    """control steps to show, by default a whole episode"""
    speed: float = 1.0
    """of playback: 0.5 is slow motion"""
    event: str | None = None
    """of a legged robot, what changes within the episode and when: motor_failure@3s, payload:0.3@3s, friction:0.4@3s;
    a learner with a memory is filmed with its adaptation switched off and on"""
    seed: int = 0
    """of the tasks and of the episodes"""
    data: Path | None = None
    """of a run on images: where the folder of your own lies now, or packed Omniglot"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        numbers = {"episodes": self.episodes, "rounds": self.rounds, "steps": self.steps}
        positive(**{k: 1 if v is None else v for k, v in numbers.items()})
        within("seed", self.seed, 0, 2**31 - 1)
        if not SLOWEST <= self.speed <= FASTEST:
            raise UserError(f"--speed is {self.speed:g}, expected {SLOWEST:g} to {FASTEST:g}: 0.5 is slow motion")
        given = task_parameters(overrides) | (task_of_event(self.event) if self.event else {})
        if self.run is not None and self.tasks is not None:
            raise UserError(f"{self.run} and --tasks exclude each other: a run is filmed on its own tasks")
        if self.run is None and self.tasks is None:
            raise UserError("say what to film: a run, or --tasks with a name of `metarl list tasks`")
        for name, value in {"episodes": self.episodes, "rounds": self.rounds}.items():
            if self.tasks is not None and value is not None:
                raise UserError(f"--{name} is for a run, which adapts: an untrained policy has none")
        if self.run is not None and self.policy is not None:
            raise UserError("--policy is for --tasks: a run has a policy of its own")
        rows, columns = _grid(self.grid)
        from metarl.runs import folder as runs

        run = runs.find(self.run) if self.run else None
        if run:
            images_from(self.data, run.config)
        elif self.data is not None:
            raise UserError("--data is for a run on images")
        if run and run.config.tasks.answers == "classes":
            return self._draw(run, given)
        if run and run.config.tasks.is_supervised:
            raise UserError("a run on supervised tasks without images has nothing to film: see metarl evaluate")
        from metarl.system import rendering

        with suppress(UserError):  # before mujoco is imported; where there is none, filming says so
            rendering.choose()
        if run and run.config.tasks.is_point:
            return self._draw_paths(run, given, rows * columns)
        return self._film(run, given, rows, columns)

    def _film(self, run: Run | None, given: dict[str, float], rows: int, columns: int) -> int:
        from metarl.system import rendering

        rendering.choose()
        from metarl.reporting import video

        name = run.title if run else str(self.tasks)
        out = self.out or unused(Path("videos") / f"{name_of_config(Path(name))}.mp4")
        writable(out, (".mp4",))
        if run:
            source: video.RunSource | video.TaskSource = video.source_of_run(run, self.episodes, self.rounds)
        else:
            source = video.source_of_tasks(name, self.policy or "random")
        with console.status(f"filming {out}"):
            clips = source.clips(given, self.split, rows * columns, self.grid is not None, self.seed)
            video.write_video(clips, source.family, out, columns if self.grid else len(clips), self.steps, self.speed)
        console.print(f"wrote {out}: return {_returns(clips)}", soft_wrap=True, highlight=False)
        return 0

    def _draw_paths(self, run: Run, given: dict[str, float], count: int) -> int:
        for name, value in {"steps": self.steps, "event": self.event}.items():
            if value is not None:
                raise UserError(f"--{name} is for robots: of points whole paths are drawn")
        if self.speed != 1:
            raise UserError("--speed is for robots: of points paths are drawn, which do not move")
        from metarl.reporting import paths
        from metarl.training.make import load_trainer

        out = self.out or unused(Path("videos") / f"{run.title}.png")
        writable(out, PICTURES)
        trainer = load_trainer(run)
        returns = paths.draw_paths(trainer, given, self.split, count, self.episodes, self.rounds, self.seed, out)
        told = ", ".join(f"{title} {value:z.1f}" for title, value in returns)
        console.print(f"wrote {out}: mean return {told}", soft_wrap=True, highlight=False)
        return 0

    def _draw(self, run: Run, given: dict[str, float]) -> int:
        refused = {"grid": self.grid, "episodes": self.episodes, "rounds": self.rounds, "steps": self.steps}
        for name in [n for n, value in refused.items() if value is not None] + [f"task.{n}" for n in given]:
            raise UserError(f"--{name} is for robots: of a run on images one episode is drawn")
        from metarl.reporting import pictures

        out = self.out or unused(Path("videos") / f"{run.title}.png")
        writable(out, PICTURES)
        right = pictures.draw_run(run, self.split or "test", self.seed, out)
        console.print(f"wrote {out}: {100 * right:.0f} % right", soft_wrap=True, highlight=False)
        return 0


def _returns(clips: Sequence[Clip]) -> str:
    """Those of each title: `before adaptation -5, after 10 episodes 12`."""
    titles = dict.fromkeys(clip.title for clip in clips)
    return ", ".join(
        f"{title} " + ", ".join(f"{clip.rewards.sum():z.0f}" for clip in clips if clip.title == title)
        for title in titles
    )


def _grid(text: str | None) -> tuple[int, int]:
    """Rows and columns of `3x3`."""
    if text is None:
        return 1, 1
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and 1 <= int(p) <= 6 for p in parts):
        raise UserError(f"--grid is {text!r}, expected ROWSxCOLUMNS of at most 6x6, such as 3x3")
    return int(parts[0]), int(parts[1])
