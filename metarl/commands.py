"""What each verb of the command line does.

Only what a command needs is imported, and only when it runs, so that `--help` and `list` answer at once.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional, Suppress, arg

from envs import catalogue
from metarl import config as settings
from metarl import schema
from metarl.errors import UserError
from metarl.runs import Run

console = Console(width=None if sys.stdout.isatty() else 140)
INTERRUPTED = 4  # exit code of a run that was stopped and saved

RunArg = Annotated[Positional[str], arg(help="a run folder, or a config's name for its newest run", metavar="RUN")]
Split = Literal["train", "validation", "test", "ood"]


@dataclass
class Train:
    """Train a config; any setting is changed by --section.key VALUE (for example --learner.inner_lr 0.2)."""

    config: Annotated[Positional[str], arg(help="a shipped config's name, or a path", metavar="CONFIG")]
    seed: int | None = None
    """of everything that is drawn; by default the config's"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        overrides = overrides | ({} if self.seed is None else {"seed": self.seed})
        path = settings.find(self.config)
        config = settings.load(path, overrides)
        command = " ".join(["metarl train", shlex.quote(self.config), *_as_options(overrides)])
        return _train(path.stem, config, command)


@dataclass
class Resume:
    """Go on with a run that was stopped, from its newest checkpoint."""

    run: RunArg

    def __call__(self, overrides: dict[str, Any]) -> int:
        _no_overrides(overrides)
        from metarl import checkpoint, runs
        from metarl.train import train, trainer_of

        run = runs.find(self.run)
        trainer = trainer_of(run.config, checkpoint.load_newest(run.checkpoints))
        run.keep_records_until(trainer.state.iteration)
        console.print(f"resuming {run.path} at iteration {trainer.state.iteration}", soft_wrap=True)
        return 0 if train(run, trainer, console) else INTERRUPTED


@dataclass
class Evaluate:
    """Return on unseen tasks after 0, 1, 2, ... rounds of adaptation."""

    run: RunArg
    split: Split = "test"
    """train, test (same ranges, other draws), ood (outside the ranges); of images train, validation or test"""
    tasks: int | None = None
    """how many tasks; by default 40, or 1000 few-shot ones"""
    episodes: int | None = None
    """episodes of each task and round; by default as many as in training"""
    rounds: int = 3
    """rounds of adaptation"""
    seed: int = 0
    """of the tasks and of the episodes"""
    against: tuple[str, ...] = ()
    """other runs to put beside it on the same tasks, such as an oracle"""
    ways: tuple[int, ...] = ()
    """of few-shot runs: classes of a task; by default 5 and 20, or as many as the run's last layer has"""
    shots: tuple[int, ...] = (1, 5)
    """of few-shot runs: support drawings of a class"""
    bn: Literal["transductive", "support", "running"] | None = None
    """of few-shot runs: which statistics normalise, by default the config's"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        _no_overrides(overrides)
        _positive(
            tasks=1 if self.tasks is None else self.tasks,
            episodes=1 if self.episodes is None else self.episodes,
            rounds=self.rounds,
        )
        _within("seed", self.seed, 0, 2**31 - 1)
        from metarl import evaluate, runs
        from metarl.build import build_family
        from metarl.plot import plot_adaptation

        run, others = runs.find(self.run), [runs.find(other) for other in self.against]
        if run.config.tasks.kind in schema.SUPERVISED:
            self._check_supervised()
            made_of = _data_of(run)
            if any(_data_of(other) != made_of for other in others):
                raise UserError(f"--against has runs on other tasks than {run.name}: they cannot be compared")
            return (
                self._tell_apart([run, *others]) if run.config.tasks.kind == "fewshot" else self._follow([run, *others])
            )
        family = build_family(run.config)
        for other in others:
            if other.config.tasks != run.config.tasks:
                raise UserError(f"{other.name} was trained on other tasks than {run.name}: they cannot be compared")
        episodes = self.episodes or run.config.train.episodes
        results: list[evaluate.Evaluation] = []
        stored: list[Path] = []
        for r in (run, *others):
            with console.status(f"evaluating {r.name}"):
                results.append(evaluate.evaluate(r, self.split, self.tasks or 40, episodes, self.rounds, self.seed))
            stored.append(evaluate.store(r, results[-1]))
        own, against = results[0], results[1:]
        picture = run.path / ("adaptation.png" if self.split == "ood" else f"adaptation_{self.split}.png")
        plot_adaptation(family, own, against, picture)
        if self.json:
            print(json.dumps(evaluate.summary(family, own, against), indent=1))
        else:
            console.print(evaluate.table(family, own, against))
            console.print(f"wrote {stored[0]}\nwrote {picture}", soft_wrap=True)
        return 0

    def _check_supervised(self) -> None:
        if self.episodes is not None:
            raise UserError("--episodes is for robots: of supervised runs --tasks says how many")
        if self.tasks is not None and self.tasks < 2:
            raise UserError(f"--tasks is {self.tasks}, expected at least 2: one has no interval")
        if not self.shots or min(self.shots) < 1 or min(self.ways, default=2) < 2:
            raise UserError("--ways wants numbers of at least 2 classes, and --shots of at least 1 drawing")

    def _follow(self, found: list[Run]) -> int:
        from metarl import accuracy

        count = self.tasks or 1000
        with console.status("evaluating"):
            errors = [accuracy.follow(r, self.split, (5, 10, 20), (0, 1, 5, 10), count, self.seed) for r in found]
        if self.json:
            told = [{s: {k: e.to_json() for k, e in row.items()} for s, row in run.items()} for run in errors]
            print(json.dumps(told, indent=1))
        else:
            for run, error in zip(found, errors, strict=True):
                console.print(accuracy.table_of_errors(run, self.split, count, error))
        return 0

    def _tell_apart(self, found: list[Run]) -> int:
        from metarl import accuracy

        with console.status("evaluating"):
            rows = [
                accuracy.evaluate(r, self.split, self.ways, self.shots, self.tasks or 1000, self.seed, self.bn)
                for r in found
            ]
        if self.json:
            print(json.dumps([r.to_json() for r in rows], indent=1))
        else:
            console.print(accuracy.table(rows))
        for r, row in zip(found, rows, strict=True):
            accuracy.store(r, row)
        return 0


@dataclass
class Record:
    """Film a run before and after adaptation, or any tasks with an untrained policy; --task.NAME VALUE fixes a number.

    metarl record RUN                                     one unseen task, before and after
    metarl record RUN --grid 3x3                          nine unseen tasks, after adaptation
    metarl record --tasks AntStairsUp --policy random     tasks of `metarl list tasks`, or of a config

    A run on images has no body: one unseen episode is drawn, with the answers, as a png.
    """

    run: Annotated[Positional[str | None], arg(help="a run folder, or a config's name for its newest run")] = None
    tasks: str | None = None
    """without a run: a name of `metarl list tasks`, or a config whose tasks are meant"""
    policy: Literal["random", "zero"] | None = None
    """without a run: what acts, by default random"""
    grid: str | None = None
    """ROWSxCOLUMNS of different tasks in one clip, such as 3x3"""
    out: Path | None = None
    """the mp4 (or png) to write; by default below videos/"""
    split: Split | None = None
    """where tasks are drawn from; by default ood if there is one, else test"""
    episodes: int | None = None
    """episodes to adapt on, by default as many as in training; the one with the median return is shown"""
    rounds: int | None = None
    """rounds of adaptation, by default 1"""
    steps: int | None = None
    """control steps to show, by default a whole episode"""
    seed: int = 0
    """of the tasks and of the episodes"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        numbers = {"episodes": self.episodes, "rounds": self.rounds, "steps": self.steps}
        _positive(**{k: 1 if v is None else v for k, v in numbers.items()})
        _within("seed", self.seed, 0, 2**31 - 1)
        given = _task_parameters(overrides)
        if (self.run is None) == (self.tasks is None):
            raise UserError("say what to film: a run, or --tasks with a name of `metarl list tasks`")
        for name, value in {"episodes": self.episodes, "rounds": self.rounds}.items():
            if self.tasks is not None and value is not None:
                raise UserError(f"--{name} is for a run, which adapts: an untrained policy has none")
        if self.run is not None and self.policy is not None:
            raise UserError("--policy is for --tasks: a run has a policy of its own")
        rows, columns = _grid(self.grid)
        from metarl import gl, runs

        run = runs.find(self.run) if self.run else None
        if run and run.config.tasks.kind == "fewshot":
            return self._draw(run, given)
        if run and run.config.tasks.kind == "sinusoid":
            raise UserError("a run on waves has nothing to film: see metarl evaluate")
        gl.choose()
        from metarl import record

        name = run.path.parent.name if run else str(self.tasks)
        out = self.out or _unused(Path("videos") / f"{Path(name).stem}.mp4")
        _writable(out, (".mp4",))
        if run:
            source: record.RunSource | record.TaskSource = record.of_run(run, self.episodes, self.rounds or 1)
        else:
            source = record.of_tasks(name, self.policy or "random")
        with console.status(f"filming {out}"):
            takes = source.takes(given, self.split, rows * columns, self.grid is not None, self.seed)
            record.film(takes, source.family, out, columns if self.grid else len(takes), self.steps)
        shown = ", ".join(f"{take.title} {take.rewards.sum():.0f}" for take in takes)
        console.print(f"wrote {out}: return {shown}", soft_wrap=True, highlight=False)
        return 0

    def _draw(self, run: Run, given: dict[str, float]) -> int:
        refused = {"grid": self.grid, "episodes": self.episodes, "rounds": self.rounds, "steps": self.steps}
        for name in [n for n, value in refused.items() if value is not None] + [f"task.{n}" for n in given]:
            raise UserError(f"--{name} is for robots: of a run on images one episode is drawn")
        from metarl import draw

        out = self.out or _unused(Path("videos") / f"{run.path.parent.name}.png")
        _writable(out, (".png",))
        right = draw.draw_run(run, self.split or "test", self.seed, out)
        console.print(f"wrote {out}: {100 * right:.0f} % right", soft_wrap=True, highlight=False)
        return 0


@dataclass
class Plot:
    """Draw the training curves of runs into one picture."""

    runs: Annotated[Positional[tuple[str, ...]], arg(help="run folders or names of configs", metavar="RUN...")]
    out: Path = Path("training.png")
    """the picture to write"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        _no_overrides(overrides)
        from metarl import runs
        from metarl.plot import plot_training

        if not self.runs:
            raise UserError("give at least one run to plot")
        _writable(self.out, (".png", ".svg", ".pdf"))
        plot_training([runs.find(r) for r in self.runs], self.out)
        console.print(f"wrote {self.out}", soft_wrap=True)
        return 0


@dataclass
class List:
    """What there is: configs, distributions of tasks, robots, what may vary between tasks, learners, or runs."""

    what: Annotated[
        Positional[Literal["configs", "tasks", "robots", "variables", "learners", "runs"]],
        arg(help="configs, tasks, robots, variables, learners or runs"),
    ]
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        _no_overrides(overrides)
        from metarl import runs

        listings: dict[str, Callable[[], dict[str, str]]] = {
            "configs": lambda: {n: _first_comment(settings.folder() / f"{n}.yaml") for n in settings.names()},
            "tasks": _task_names,
            "robots": lambda: catalogue.ROBOTS,
            "variables": lambda: {n: f"{q.kind}: {q.text}" for n, q in catalogue.QUANTITIES.items()},
            "learners": schema.learners,
            "runs": lambda: {r.name: _progress_of(r) for r in runs.every()},
        }
        rows = listings[self.what]()
        if self.json:
            print(json.dumps(rows, indent=1))
        else:
            table = Table(box=None, show_header=False)
            for name, text in rows.items():
                table.add_row(name, text)
            console.print(table)
        return 0


@dataclass
class Bench:
    """Measure speed against bare physics and against other vectorisations, side by side in one run.

    metarl bench sim                        every body, at 64 and 800 worlds
    metarl bench sim --config quickstart    one config's family, also with its policy acting
    """

    what: Annotated[Positional[Literal["sim"]], arg(help="sim: stepping worlds")] = "sim"
    config: str | None = None
    """measure this config's family alone"""
    worlds: tuple[int, ...] = (64, 800)
    """how many worlds run side by side"""
    repeats: int = 5
    """measurements of each way; the median is reported"""
    threads: int = 0
    """0 for every core"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        _positive(repeats=self.repeats, worlds=min(self.worlds, default=0))
        _within("threads", self.threads, 0, 1024)
        if self.config is None:
            _no_overrides(overrides)
        config = settings.load(settings.find(self.config), overrides) if self.config else None
        from metarl import bench

        with console.status("measuring"):
            if config is None:
                rows = bench.bench_bodies(list(self.worlds), self.repeats, self.threads)
            else:
                rows = [bench.bench_simulation(config, size, self.repeats, self.threads) for size in self.worlds]
        if self.json:
            print(json.dumps({"rows": rows, "versions": bench.versions()}, indent=1))
        else:
            console.print(bench.table(rows, self.threads, self.repeats))
        return 0


@dataclass
class Doctor:
    """Versions, devices, threads, rendering, and what to install if something is missing."""

    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        _no_overrides(overrides)
        from metarl import doctor

        rows = doctor.checks()
        if self.json:
            print(json.dumps([{"check": a, "ok": ok, "found": b} for a, ok, b in rows], indent=1))
        else:
            table = Table(box=None, show_header=False)
            for name, ok, found in rows:
                table.add_row("[green]ok[/]" if ok else "[red]missing[/]", name, found)
            console.print(table)
        return 0 if all(ok for _, ok, _ in rows) else 1


@dataclass
class Quickstart:
    """Train an adaptive cheetah and an oracle, evaluate both on unseen slopes, plot, and film it."""

    smoke: Suppress[bool] = False  # two iterations: for tests

    def __call__(self, overrides: dict[str, Any]) -> int:
        from metarl import gl, runs

        with suppress(UserError):  # before mujoco is imported; where there is none, the last step says so
            gl.choose()
        overrides |= {"train.iterations": 2, "train.episodes": 4} if self.smoke else {}
        names = ("quickstart", "quickstart_oracle")
        for name in names:
            settings.load(settings.find(name), overrides)  # a setting that does not suit both is said before training
        for name in names:
            if code := Train(name)(overrides):
                return code
        console.rule("slopes it never saw")
        Evaluate("quickstart", "ood", tasks=8 if self.smoke else 80, against=("quickstart_oracle",))({})
        Plot(names, runs.find("quickstart").path / "training.png")({})
        try:
            Record("quickstart")({"task.direction": 1, "task.slope_deg": 12})
        except UserError as error:
            console.print(f"no video: {error}", soft_wrap=True)
        return 0


def _data_of(run: Run) -> dict[str, Any]:
    """What a supervised run's tasks are made of, without how many are shown and asked."""
    return run.config.tasks.model_dump(exclude={"way", "shot", "query"})


def _task_names() -> dict[str, str]:
    from envs import families

    return families.names()


def _train(name: str, config: schema.Config, command: str) -> int:
    with console.status("starting"):
        from metarl import runs
        from metarl.train import train, trainer_of

        trainer = trainer_of(config)
        run = runs.create(name, config, command)
    console.print(f"{run.path}\nreproduce: {command}", soft_wrap=True, highlight=False)
    return 0 if train(run, trainer, console) else INTERRUPTED


def _as_options(overrides: dict[str, Any]) -> list[str]:
    return [f"--{key} {shlex.quote(json.dumps(value))}" for key, value in overrides.items()]


def _no_overrides(overrides: dict[str, Any]) -> None:
    if overrides:
        raise UserError(f"--{next(iter(overrides))} is not an option of this command; see --help")


def _positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise UserError(f"--{name} is {value}, expected at least 1")


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"--{name} is {value}, expected {low} to {high}")


def _writable(path: Path, suffixes: tuple[str, ...]) -> None:
    """Make sure that a command can write a file before it goes to work; UserError where it cannot."""
    if path.suffix not in suffixes:
        raise UserError(f"--out is {str(path)!r}, expected a file name that ends in {' or '.join(suffixes)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror} ({path.parent})") from None


def _task_parameters(overrides: dict[str, Any]) -> dict[str, float]:
    given = {}
    for key, value in overrides.items():
        section, _, name = key.partition(".")
        if section != "task" or not name:
            _no_overrides({key: value})
        try:
            given[name] = float(value)
        except (TypeError, ValueError):
            raise UserError(f"--{key} is {value!r}, expected a number") from None
    return given


def _grid(text: str | None) -> tuple[int, int]:
    """Rows and columns of `3x3`."""
    if text is None:
        return 1, 1
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and 1 <= int(p) <= 6 for p in parts):
        raise UserError(f"--grid is {text!r}, expected ROWSxCOLUMNS of at most 6x6, such as 3x3")
    return int(parts[0]), int(parts[1])


def _unused(path: Path) -> Path:
    """The path itself, or with a number behind it where a file is already there."""
    taken = (path.with_stem(f"{path.stem}-{i}") for i in range(2, 10_000))
    return next(p for p in (path, *taken) if not p.exists())


def _first_comment(path: Path) -> str:
    return path.read_text().splitlines()[0].removeprefix("# ")


def _progress_of(run: Run) -> str:
    try:
        last = run.records()[-1]
    except (UserError, IndexError):
        return "no finished iteration"
    if "return_before" not in last:
        return f"iteration {last['iteration']}, {last['env_steps'] / 1e6:.1f} M images, loss {last['loss']:.3f}"
    reached = last.get("return_after", last["return_before"])
    return f"iteration {last['iteration']}, {last['env_steps'] / 1e6:.1f} M steps, return {reached:.0f}"
