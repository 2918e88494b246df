"""Loggers show what `metrics.jsonl` holds, go on where a training is resumed, and never stop one."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from metarl.cli import app
from metarl.config import loggers as config_loggers
from metarl.config.experiment import Config, without_placement
from metarl.config.loggers import LOGGERS, LoggedRun, Logger, Metrics
from metarl.errors import UserError
from metarl.reporting.video.encoding import write_mp4
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.runs.folder import Run
from metarl.training.animation import gif_of
from metarl.training.logged import Loggers
from metarl.training.loop import train
from metarl.training.make import make_trainer
from metarl.training.trainer import Trainer

Small = Callable[..., Config]


def quiet() -> Console:
    return Console(file=io.StringIO(), width=1000)


def said_by(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def stopped_at(config: Config, iteration: int, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that is killed in the iteration after this one."""
    run, trainer, iterate = runs.create("logged", config, ""), make_trainer(config), Trainer.iterate

    def killed(trainer: Trainer) -> Metrics:
        if trainer.iteration == iteration:
            raise RuntimeError("killed")
        return iterate(trainer)

    monkeypatch.setattr(Trainer, "iterate", killed)
    with pytest.raises(RuntimeError, match="killed"):
        train(run, trainer, quiet())
    monkeypatch.setattr(Trainer, "iterate", iterate)
    return run


def resume(run: Run) -> None:
    trainer = make_trainer(run.config, checkpoint.newest(run.checkpoints))
    run.keep_records_until(trainer.iteration)
    assert train(run, trainer, quiet())


# --- TensorBoard ------------------------------------------------------------------------------------------------------


def events_of(run: Run) -> Any:
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra tensorboard"
    )
    accumulator = accumulators.EventAccumulator(str(run.path / "tensorboard"))
    accumulator.Reload()
    return accumulator


def shown_by(events: Any) -> dict[int, dict[str, float]]:
    """What TensorBoard draws: iteration -> name -> value."""
    shown: dict[int, dict[str, float]] = {}
    for name in events.Tags()["scalars"]:
        for scalar in events.Scalars(name):
            shown.setdefault(scalar.step, {})[name] = scalar.value
    return shown


def test_tensorboard_shows_what_metrics_jsonl_holds(
    small: Small, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training is killed in iteration 4 and resumed from iteration 2: iteration 3 is there twice, shown once."""
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    config = small("maml_point", train__iterations=5, train__checkpoint_every=2, train__logger="tensorboard")
    run = stopped_at(config, 3, monkeypatch)
    assert sorted(shown_by(events_of(run))) == [1, 2, 3]
    first = {r["iteration"]: r for r in run.records()}
    resume(run)
    shown, records = shown_by(events_of(run)), run.records()
    assert len(list((run.path / "tensorboard").iterdir())) == 2
    assert sorted(shown) == [1, 2, 3, 4, 5] == [r["iteration"] for r in records]
    for record in records:
        logged = {name: value for name, value in record.items() if name != "iteration"}
        assert shown[int(record["iteration"])] == pytest.approx(logged, rel=1e-6), "event files hold 32 bits"
    assert records[2] != first[3], "its times are those of the resumed training"


def test_tensorboard_has_the_whole_config(small: Small, workdir: Path) -> None:
    plugin = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2", reason="needs the extra tensorboard")
    run = runs.create("logged", small("maml_point", train__logger="tensorboard"), "")
    train(run, make_trainer(run.config), quiet())
    events = events_of(run)
    stored = plugin.HParamsPluginData.FromString(
        events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    )
    shown = {k: getattr(v, v.WhichOneof("kind")) for k, v in stored.session_start_info.hparams.items()}
    config = run.config
    assert shown["outer.outer_lr"] == getattr(config.outer, "outer_lr")  # noqa: B009
    assert shown["learner.kind"] == "maml"
    assert shown["train.num_tasks"] == config.train.num_tasks
    assert shown["policy.hidden"] == str(list(config.policy.hidden))
    text = events.Tensors("config")[0].tensor_proto.string_val[0].decode()
    assert "    kind: maml" in text


def test_a_clip_is_an_animated_picture(tmp_path: Path) -> None:
    """30 frames of 640 x 400 at 30 a second become 10 of 320 x 200: every third."""
    path = tmp_path / "clip.mp4"
    write_mp4((np.full((400, 640, 3), 8 * i, np.uint8) for i in range(30)), path, 30)
    gif, height, width = gif_of(path)
    assert (height, width) == (200, 320)
    with Image.open(io.BytesIO(gif)) as picture:
        assert picture.size == (320, 200)
        assert getattr(picture, "n_frames", 1) == 10
        assert picture.info["duration"] == 100  # ms
        picture.seek(5)
        assert np.asarray(picture.convert("RGB"))[100, 100] == pytest.approx(8 * 15, abs=6)


def test_clips_of_a_training_are_in_the_event_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    path = tmp_path / "clip.mp4"
    write_mp4((np.full((40, 64, 3), 8 * i, np.uint8) for i in range(6)), path, 30)
    logger = LOGGERS["tensorboard"](LoggedRun(tmp_path, "a/b", "a", {"seed": 1}))
    logger.film(7, path)
    logger.close()
    (image,) = events_of(Run(tmp_path)).Images("video")
    assert (image.step, image.width, image.height, image.encoded_image_string[:3]) == (7, 64, 40, b"GIF")


# --- W&B --------------------------------------------------------------------------------------------------------------


class Recorded:
    """A stand-in for the module `wandb`, and for its runs: remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def init(self, **options: Any) -> Recorded:
        self.calls.append(("init", options))
        return self

    def log(self, values: dict[str, Any]) -> None:
        self.calls.append(("log", values))

    def finish(self) -> None:
        self.calls.append(("finish", {}))

    def define_metric(self, name: str, **options: Any) -> None:
        self.calls.append((name, options))

    def of(self, name: str) -> list[dict[str, Any]]:
        return [values for called, values in self.calls if called == name]

    Settings: Any = staticmethod(dict)


def test_wandb_gets_the_same_numbers_and_goes_on_in_the_same_run(
    small: Small, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded()
    monkeypatch.setitem(sys.modules, "wandb", recorded)
    monkeypatch.setattr(config_loggers, "find_spec", lambda name: name)
    config = small("maml_point", train__iterations=3, train__checkpoint_every=2, train__logger="wandb")
    run = stopped_at(config, 2, monkeypatch)
    resume(run)
    assert recorded.of("log") == run.records()
    assert recorded.of("*") == [{"step_metric": "iteration"}] * 2
    assert len(recorded.of("finish")) == 2, "also where the training failed"
    first, second = recorded.of("init")
    assert first["id"] == second["id"]
    assert first["config"] == config.model_dump(mode="json")
    assert (first["name"], first["group"], first["resume"]) == (run.name, "logged", "allow")


def leveldb_records(content: bytes) -> Iterator[bytes]:
    """A log in LevelDB's format, behind 7 bytes of W&B's own: parts of 4 bytes of checksum, 2 of length, 1 of type,
    in blocks of 32768; type 1 is a whole record, 2, 3 and 4 are the first, a middle and the last part of one."""
    position, whole = 7, b""
    while position + 7 <= len(content):
        if 32768 - position % 32768 < 7:  # a block ends with zeros where no part fits
            position += 32768 - position % 32768
        length, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
        whole += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""


def history_in(path: Path) -> list[dict[str, float]]:
    """The rows that W&B has written of a run."""
    from wandb.proto.wandb_internal_pb2 import Record

    records = map(Record.FromString, leveldb_records(path.read_bytes()))
    rows = [r.history.item for r in records if r.WhichOneof("record_type") == "history"]
    return [{".".join(i.nested_key) or i.key: float(i.value_json) for i in row} for row in rows]


def test_wandb_offline_holds_what_metrics_jsonl_holds(
    small: Small, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="needs the extra wandb, which is too large for the extra dev")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = runs.create("logged", small("maml_point", train__logger="wandb"), "")
    console = quiet()
    train(run, make_trainer(run.config), console)
    assert "is off" not in said_by(console)
    (path,) = run.path.glob("wandb/offline-run-*/*.wandb")
    give_up = time.monotonic() + 30  # a process of its own writes the file
    while len(logged := history_in(path)) < 2 and time.monotonic() < give_up:
        time.sleep(0.1)
    wanted = [dict(record) for record in run.records()]
    assert [{k: row[k] for k in wanted[0]} for row in logged] == wanted


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.fixture
def failing() -> Iterator[type[Logger]]:
    """A logger of a plugin that raises in the methods of which `raises` holds the name."""

    class Failing(Logger):
        name, package = "failing", "json"
        raises: tuple[str, ...] = ()
        error: BaseException = OSError(28, "No space left on device")
        called: list[str] = []  # noqa: RUF012

        def __init__(self, run: LoggedRun) -> None:
            self._call("init")

        def log(self, metrics: Metrics) -> None:
            self._call("log")

        def film(self, iteration: int, path: Path) -> None:
            self._call("film")

        def close(self) -> None:
            self._call("close")

        def _call(self, what: str) -> None:
            self.called.append(what)
            if what in self.raises:
                raise self.error

    module: Any = ModuleType("plugin_with_a_logger")
    module.LOGGER = Failing
    LOGGERS.add(module)
    yield Failing
    LOGGERS._plugins.remove(module)
    LOGGERS._entries = None


@pytest.mark.parametrize(
    ("raises", "calls"),
    [(("init",), ["init"]), (("log", "close"), ["init", "log"]), (("close",), ["init", "log", "log", "close"])],
)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(1), TypeError("x")], ids=repr)
def test_a_logger_that_fails_is_off_and_training_goes_on(
    raises: tuple[str, ...], calls: list[str], error: BaseException, failing: Any, small: Small, workdir: Path
) -> None:
    failing.raises, failing.error = raises, error
    run, console = runs.create("logged", small("maml_point", train__logger="failing"), ""), quiet()
    assert train(run, make_trainer(run.config), console)
    assert len(run.records()) == 2
    assert said_by(console).count("logger failing failed and is off") == 1
    assert f"{type(error).__name__}: {error}); training goes on" in said_by(console)
    assert failing.called == calls


def test_the_others_go_on_where_one_fails(failing: Any, workdir: Path, small: Small) -> None:
    recorded, failing.raises, warned = [], ("film",), []

    class Second(failing):  # type: ignore[misc]
        def __init__(self, run: LoggedRun) -> None: ...

        def film(self, iteration: int, path: Path) -> None:
            recorded.append(iteration)

    config = small("maml_point", train__logger="failing")
    loggers = Loggers(runs.create("logged", config, ""), config, 0, lambda name, text: warned.append(name))
    loggers.open["second"] = Second(LoggedRun(workdir, "", "", {}))
    loggers.film(4, workdir)
    loggers.film(5, workdir)
    assert (recorded, warned, list(loggers.open)) == ([4, 5], ["failing"], ["second"])


def test_only_the_first_process_logs(failing: Any, small: Small, workdir: Path) -> None:
    """The others train without a run."""
    config = small("maml_point", train__logger="failing")
    train(None, make_trainer(config), quiet())
    assert not failing.called


def test_a_logger_that_is_not_installed_is_refused_before_anything_is_made(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(config_loggers, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as end:
        app.main(["train", "maml_point", "--train.logger", "tensorboard"])
    assert end.value.code == 2
    advice = "tensorboard is not installed: pip install -e '.[tensorboard]'"
    assert capsys.readouterr().err == f"error: train.logger names tensorboard, and {advice}\n"
    assert not list(workdir.iterdir())


def test_an_unknown_logger_names_the_nearest(small: Small) -> None:
    with pytest.raises(UserError, match="there is no logger named 'tensorbord': did you mean tensorboard"):
        small("maml_point", train__logger="wandb,tensorbord")


def test_loggers_change_nothing_of_what_a_run_is(small: Small) -> None:
    """So that a study finds it, and several seeds of it are one."""
    plain, logged = small("maml_point"), small("maml_point", train__logger="wandb, tensorboard")
    assert logged.train.logger == ("wandb", "tensorboard")
    assert without_placement(plain) == without_placement(logged)


def test_a_link_in_a_strangers_run_is_not_followed(small: Small, tmp_path: Path, workdir: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    run, elsewhere, console = (
        runs.create("logged", small("maml_point", train__logger="tensorboard"), ""),
        tmp_path / "x",
        quiet(),
    )
    elsewhere.mkdir()
    (run.path / "tensorboard").symlink_to(elsewhere)
    assert train(run, make_trainer(run.config), console)
    assert not list(elsewhere.iterdir())
    assert "it is a link" in said_by(console)
