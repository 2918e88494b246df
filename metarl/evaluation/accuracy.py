"""The evaluator of image classifiers: accuracy on episodes of unseen classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from agents.learner import Learner, Params
from agents.memory.stream import Stream
from envs.fewshot.episodes import FewShotImages
from envs.task_settings import ON_THREADS
from envs.wording import count_of
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation import classification
from metarl.evaluation.classification import Accuracy, calibrate, with_statistics
from metarl.evaluation.counted import Counted
from metarl.evaluation.defaults import WAYS
from metarl.evaluation.evaluator import Options, SupervisedEvaluator
from metarl.evaluation.progress import ignore
from metarl.evaluation.sampling import check_split, seeded
from metarl.evaluation.stored import conform, read_result
from metarl.evaluation.text_table import TextTable
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_tasks
from metarl.training.make import load_trainer

PRESENTATIONS = 10  # of each class in a stream (Santoro et al. 2016)


class AccuracyResult(NamedTuple):
    """The accuracy of one run at several ways and shots."""

    run: str
    iteration: int
    split: str
    seed: int
    data: str
    results: list[Accuracy]
    presentations: list[Accuracy]  # of learners that read a stream: at the first, second, ... presentation of a class

    def to_json(self) -> dict[str, Any]:
        lists = {k: [r._asdict() for r in getattr(self, k)] for k in ("results", "presentations")}
        return {**self._asdict(), **lists}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> AccuracyResult:
        """The inverse of `to_json`. Raises ValueError for what another version wrote, and for what cannot be."""
        return conform(cls, stored)

    @property
    def file_name(self) -> str:
        first = self.results[0]
        shapes = [(r.way, r.shot) for r in self.results]
        return _file_name(self.split, self.iteration, first.bn, shapes, first.episodes, self.seed)


def _file_name(split: str, iteration: int, bn: str, shapes: list[tuple[int, int]], episodes: int, seed: int) -> str:
    joined = "_".join(f"{way}w{shot}s" for way, shot in shapes)
    return f"accuracy_{split}_iteration{iteration}_{bn}_{joined}_{episodes}_seed{seed}.json"


class AccuracyEvaluator(SupervisedEvaluator[AccuracyResult]):
    """Evaluates the accuracy on unseen episodes of each way and shot."""

    def check_options(self, options: Options) -> None:
        super().check_options(options)
        if not options.shots or min(options.shots) < 1 or min(options.ways, default=2) < 2:
            raise UserError("--ways expects numbers of at least 2 classes, and --shots of at least 1 image")

    def work(self, config: Config, options: Options) -> float:
        """Images."""
        tasks: Any = config.tasks
        learner = classification.learner_of(config)
        shapes = _shapes(learner, config, options)
        images = sum(way * (shot + tasks.query) for way, shot in shapes)
        if isinstance(learner, Stream):
            images += tasks.way * (PRESENTATIONS + 1)
        return float(images * self.count(options))

    def evaluate(self, run: Run, options: Options, advance: Callable[[float], None] = ignore) -> AccuracyResult:
        trainer = load_trainer(run)
        tasks: Any = run.config.tasks
        check_split(trainer.family, options.split)
        learner, theta = with_statistics(trainer.learner, options.bn), trainer.theta
        count, results = self.count(options), []
        for way, shot in _shapes(learner, run.config, options):
            family = counted(images_of(run.config, way=way, shot=shot), advance)
            theta = calibrated(learner, theta, run.config, shot)  # statistics of pairs depend on the shots
            results.append(classification.accuracy(learner, theta, family, options.split, count, seeded(options.seed)))
        presentations: list[Accuracy] = []
        if isinstance(learner, Stream):
            most = images_of(run.config, shot=1, query=1).most_shots
            family = counted(images_of(run.config, shot=min(PRESENTATIONS, most), query=1), advance)
            presentations = classification.accuracy_by_presentation(
                learner, theta, family, options.split, count, seeded(options.seed)
            )
        return AccuracyResult(
            run.name, trainer.iteration, options.split, options.seed, tasks.data_name, results, presentations
        )

    def search_options(self, split: str, seed: int) -> Options:
        tasks: Any = self.config.tasks
        return Options(split, seed=seed, ways=(tasks.way,), shots=(tasks.shot,))

    def score(self, result: AccuracyResult) -> float:
        """The mean accuracy."""
        return sum(r.mean for r in result.results) / len(result.results)

    def find_stored(self, run: Run, options: Options) -> AccuracyResult | None:
        learner = with_statistics(classification.learner_of(run.config), options.bn)
        shapes = _shapes(learner, run.config, options)
        iteration, count = checkpoint.selected_iteration(run), self.count(options)
        name = _file_name(options.split, iteration, learner.bn, shapes, count, options.seed)
        times = PRESENTATIONS if isinstance(learner, Stream) else 0

        def made(found: Any) -> AccuracyResult:
            result = AccuracyResult.from_json(found)
            if [(r.way, r.shot) for r in result.results] != shapes or len(result.presentations) != times:
                raise ValueError(f"its accuracies are not of {shapes}, or not at {times} presentations")
            if (result.iteration, result.split, result.seed) != (iteration, options.split, options.seed):
                raise ValueError("it is of another evaluation than its name says")
            return result._replace(run=run.name)

        return read_result(run, name, made)

    def tables(self, results: Sequence[AccuracyResult]) -> list[TextTable]:
        streams = [r for r in results if r.presentations]
        return [_table(results), *([_presentation_table(streams)] if streams else [])]


EVALUATOR = AccuracyEvaluator


def images_of(config: Config, **changes: int) -> FewShotImages:
    """The images of a config as they are evaluated on, which is without distortions; changes: way, shot or query."""
    tasks: Any = config.tasks
    family: FewShotImages = build_tasks(tasks.undistorted(**changes), ON_THREADS)
    return family


def counted(family: FewShotImages, advance: Callable[[float], None]) -> FewShotImages:
    """The same images, which are told as they are drawn."""
    return cast(FewShotImages, Counted(family, advance))


def calibrated(learner: Learner[Any], theta: Params, config: Config, shot: int) -> Params:
    """theta with running statistics where the learner uses them, measured on training episodes of so many shots."""
    return calibrate(learner, theta, images_of(config, shot=shot), seeded(0)) if learner.bn == "running" else theta


def _shapes(learner: Learner[Any], config: Config, options: Options) -> list[tuple[int, int]]:
    """Every way with every shot. Images of the user's own are judged with as many classes as in training."""
    tasks: Any = config.tasks
    is_fixed = learner.fixed_way or getattr(tasks, "data", None) == "folder"
    ways = options.ways or ((tasks.way,) if is_fixed else WAYS)
    return [(way, shot) for way in ways for shot in options.shots]


def _table(results: Sequence[AccuracyResult]) -> TextTable:
    """A row for each run, a column for each way and shot."""
    first = results[0]
    title = f"accuracy in %, {count_of(first.results[0].episodes, f'{first.split} episode')} of {first.data}"
    headers = ["run", "iteration", "batch norm", *(f"{r.way}-way {r.shot}-shot" for r in first.results)]
    rows = [[r.run, str(r.iteration), r.results[0].bn, *map(str, r.results)] for r in results]
    return TextTable(title, headers, rows, ["mean +- half of the 95 % interval over episodes; one training seed"])


def _presentation_table(results: Sequence[AccuracyResult]) -> TextTable:
    """A row for each run that reads a stream, a column for each presentation of a class."""
    first = results[0].presentations
    title = f"accuracy in % by presentation of the class, {count_of(first[0].episodes, 'stream')} of {results[0].data}"
    rows = [[r.run, *(f"{100 * a.mean:.1f}" for a in r.presentations)] for r in results]
    note = f"half of the 95 % intervals at most {100 * max(a.half for a in first):.1f}; one training seed"
    return TextTable(title, ["run", *(f"{a.shot}." for a in first)], rows, [note])
