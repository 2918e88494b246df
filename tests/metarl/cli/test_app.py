"""The command line as a person meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from envs.robots import ROBOTS
from metarl.benchmarks import simulation as bench
from metarl.cli import app as cli
from metarl.cli.common import writable
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.system import rendering
from metarl.training.trainer import Trainer

TINY = "--train.iterations 2 --train.num_tasks 3 --train.episodes 2 --train.num_threads 1 --tasks.horizon 10".split()
EVALUATE = ["--tasks", "6", "--after", "0", "1", "3", "--repeats", "2"]


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


@pytest.fixture
def trained(workdir: Path, capsys: pytest.CaptureFixture[str]) -> runs.Run:
    for name, more in (("maml_slope", []), ("quickstart_oracle", ["--outer.minibatches", "2"])):
        code, _, err = run(["train", name, *TINY, *more], capsys)
        assert code == 0, err
    return runs.find("maml_slope")


@pytest.mark.parametrize("words", [["--help"], ["list", "configs"], ["list", "learners"], ["train", "--help"]])
def test_help_and_lists_import_neither_torch_nor_mujoco(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from metarl.cli.app import main\n"
        f"try: main({words!r})\n"
        "except SystemExit as stop: assert not stop.code\n"
        "assert not {'torch', 'mujoco', 'gymnasium', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)


def test_evaluate_prints_a_table_a_picture_and_json(trained: runs.Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "maml_slope", "--split", "ood", *EVALUATE, "--against", "quickstart_oracle"]
    code, out, err = run(words, capsys)
    assert code == 0, err
    for word in ("before", "after 1", "after 2", "after 3", "oracle", "all tasks", "greedy", "unseen"):
        assert word in out
    assert (trained.path / "adaptation.png").stat().st_size > 10_000
    code, out, _ = run([*words, "--json"], capsys)
    result = json.loads(out)
    assert [len(row["return"]) for row in result["summary"]] == [4] * len(result["summary"])  # it was trained for 2
    assert len(result["evaluation"]["tasks"]) == 6
    assert result["evaluation"]["tasks"] == result["against"][0]["tasks"]
    whole = result["summary"][0]
    returns = result["evaluation"]["returns"]
    assert result["evaluation"]["after"] == [0, 1, 2, 3]
    assert whole["gain"]["value"] == pytest.approx(sum(returns[2]) / 6 - sum(returns[0]) / 6, abs=0.01)


def test_tasks_can_have_a_number_in_common_which_is_not_stored(
    trained: runs.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in trained.path.iterdir())
    words = ["evaluate", "maml_slope", *EVALUATE, "--json"]
    drawn = json.loads(run(words, capsys)[1])["evaluation"]["tasks"]
    stored = sorted(path.name for path in trained.path.iterdir())
    code, out, err = run([*words, "--task.direction", "-1"], capsys)
    assert code == 0, err
    assert json.loads(out)["evaluation"]["tasks"] == [task | {"direction": -1.0} for task in drawn]
    assert sorted(path.name for path in trained.path.iterdir()) == stored != before
    assert "has no parameter direktion: did you mean direction?" in run([*words, "--task.direktion", "1"], capsys)[2]
    assert "--task.slope_deg is 'steep', expected a number" in run([*words, "--task.slope_deg", "steep"], capsys)[2]


def test_some_variables_alone_leave_their_range(trained: runs.Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "maml_slope", *EVALUATE, "--json", "--beyond", "slope_deg"]
    code, out, err = run([*words, "--split", "ood"], capsys)
    assert code == 0, err
    assert all(abs(task["slope_deg"]) >= 8 for task in json.loads(out)["evaluation"]["tasks"])
    assert "--beyond is for --split ood, and the split is test" in run(words, capsys)[2]
    words[-1] = "direction"
    assert "--beyond got direction, which has no range" in run([*words, "--split", "ood"], capsys)[2]


def test_evaluation_repeats_to_the_bit(trained: runs.Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "maml_slope", *EVALUATE, "--json"]
    first, second = (json.loads(run(words, capsys)[1])["evaluation"] for _ in range(2))
    assert first.pop("adapting_ms") != second.pop("adapting_ms")  # the one thing that is measured
    assert first == second


def test_plot_and_lists(trained: runs.Run, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = run(["plot", "maml_slope", "quickstart_oracle", "--out", "both.png"], capsys)
    assert code == 0
    assert Path("both.png").stat().st_size > 10_000
    assert trained.name in json.loads(run(["list", "runs", "--json"], capsys)[1])


@pytest.mark.skipif(rendering.working() is None, reason=f"no OpenGL library: {rendering.ADVICE}")
def test_record_writes_a_video_that_a_browser_plays(trained: runs.Run) -> None:
    """The real command, without a display or MUJOCO_GL: H.264, yuv420p, 30 frames a second, two panels."""
    import av

    env = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "DISPLAY")}
    env["PYTHONPATH"] = str(Path(cli.__file__).parents[2])
    words = ["record", "maml_slope", "--task.direction", "-1", "--task.slope-deg", "12", "--episodes", "2"]
    for name in ("maml_slope.mp4", "maml_slope-2.mp4"):  # the second does not overwrite the first
        done = subprocess.run([sys.executable, "-m", "metarl", *words], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"wrote videos/{name}" in done.stdout
    with av.open("videos/maml_slope.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) == 16  # half a second, and the start
    assert frames[0].shape[1] == 1280
    assert frames[0].std() > 20


def test_the_quickstart_goes_all_the_way_to_the_video(workdir: Path) -> None:
    """In a process of its own, without a display or MUJOCO_GL, two iterations of each training."""
    env = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "DISPLAY")}
    env["PYTHONPATH"] = str(Path(cli.__file__).parents[2])
    settings = "{'tasks.horizon': 10, 'train.num_tasks': 3}"
    code = f"from metarl.cli.quickstart import Quickstart; Quickstart(smoke=True)({settings})"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert runs.find("quickstart").path.joinpath("adaptation.png").is_file()
    assert runs.find("quickstart").path.joinpath("training.png").is_file()
    assert Path("videos/quickstart.mp4").is_file() or "apt-get install" in done.stdout
    assert rendering.working() is None or Path("videos/quickstart.mp4").is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "quikstart"], "there is no config named 'quikstart': did you mean quickstart?"),
        (["train", "no/such.yaml"], "there is no config file no/such.yaml"),
        (["train", "maml_slope", "--learner.inner_lrr", "1"], "--learner.inner_lrr is not a setting; did you mean"),
        (["train", "maml_slope", "--seed", "-1"], "--seed is -1; input should be greater than or equal to 0"),
        (["evaluate", "runs/nothing"], "there is no run at runs/nothing; train one first"),
        (["resume", "runs/nothing"], "there is no run at runs/nothing"),
        (["plot"], "give at least one run"),
        (["plot", "x", "--out", "x.foo"], "expected a file name that ends in .png, .svg or .pdf"),
        (["bench", "sim", "--config", "maml_point"], "bench sim measures locomotion tasks"),
        (["bench", "sim", "--threads", "-1"], "--threads is -1, expected 0 to 1024"),
        (["evaluate", "x", "--seed", "99999999999999999999"], "--seed is 99999999999999999999, expected 0 to"),
        (["record", "runs/nothing", "--task.direction", "up"], "--task.direction is 'up', expected a number"),
        (["list", "runs", "--task.x", "3"], "--task.x is not an option"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(words, capsys)
    assert code == 2
    assert err.startswith("error: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert list(workdir.iterdir()) == []


def test_mistakes_about_a_run_that_exists(trained: runs.Run, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        code, _, err = run(list(words), capsys)
        assert code == 2
        assert err.count("\n") == 1
        return err

    before = {p: p.read_bytes() for p in trained.path.rglob("*") if p.is_file()}
    assert "slope_deg=40 lies outside this family" in said("record", "maml_slope", "--task.slope-deg", "40")
    assert "has no parameter slop: did you mean slope_deg?" in said("record", "maml_slope", "--task.slop", "4")
    assert "--tasks is 0, expected at least 1" in said("evaluate", "maml_slope", "--tasks", "0")
    assert "expected a file name that ends in .mp4" in said("record", "maml_slope", "--out", "x.txt")
    Path("file").touch()
    assert "cannot be written" in said("record", "maml_slope", "--out", "file/x.mp4")
    run(["train", "maml_point", *TINY], capsys)
    assert "was trained on other tasks" in said("evaluate", "maml_slope", "--against", "maml_point")
    assert "did you mean runs/maml_slope?" in said("evaluate", "runs/maml_slop")
    assert "resumes from the newest checkpoint" in said("resume", "maml_slope@best")
    checkpoint = next(trained.checkpoints.iterdir()) / "theta.safetensors"
    checkpoint.write_bytes(before[checkpoint][:100])
    assert "is damaged: theta.safetensors does not match its checksum" in said("evaluate", "maml_slope")
    assert "is damaged" in said("resume", "maml_slope")
    checkpoint.write_bytes(before[checkpoint])
    assert {p: p.read_bytes() for p in trained.path.rglob("*") if p.is_file()} == before


def test_the_best_checkpoint_is_a_row_of_its_own(
    trained: runs.Run, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two checkpoints the first is made the better one: `@best` means it, to judge and to compare."""
    (path,) = trained.checkpoints.iterdir()
    state = checkpoint.load(path)
    checkpoint.save(trained.checkpoints, state._replace(iteration=state.iteration + 1, score=state.score - 1.0))
    words = ["--split", "test", "--tasks", "2", "--repeats", "1", "--json"]
    code, out, err = run(["compare", "maml_slope", "maml_slope@best", *words], capsys)
    assert code == 0, err
    names = {row["name"]: row["evaluations"][0]["iteration"] for row in json.loads(out)[0]["learners"]}
    assert names == {"maml_slope": state.iteration + 1, "maml_slope@best": state.iteration}


def test_a_family_without_ood_says_so(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["train", "maml_cheetah_direction", *TINY], capsys)
    code, _, err = run(["evaluate", "maml_cheetah_direction", "--split", "ood"], capsys)
    assert code == 2
    assert "this family has no ood split" in err


@pytest.mark.parametrize("config", ["maml_cheetah_direction", "gru_robot", "oracle_dog", "rma_dog"])
def test_bench_measures_a_config_with_its_policy(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metarl.benchmarks.timing.SECONDS", 0.01)
    words = f"bench sim --config {config} --worlds 8 --repeats 1 --threads 1 --tasks.horizon 5 --json"
    code, out, err = run(words.split(), capsys)
    assert code == 0, err
    (row,) = json.loads(out)["rows"]
    assert row["worlds"] == 8
    assert set(row["steps_per_second"]) == {"bare", "ours", "policy"}


def test_bench_puts_every_way_to_step_a_body_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metarl.benchmarks.timing.SECONDS", 0.01)
    monkeypatch.setattr(bench, "ROBOTS", {"hopper": ROBOTS["hopper"]})
    fast, stock = bench.bench_bodies([2], repeats=1, threads=1)
    assert set(fast["steps_per_second"]) == {"bare", "ours", "gym", "sb3"}
    assert set(stock["steps_per_second"]) > {"gymnasium sync", "gymnasium async", "sb3 subproc"}
    assert all(rate > 0 for rate in stock["steps_per_second"].values())


def test_doctor_finds_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(["doctor", "--json"], capsys)
    rows = {row["check"]: row for row in json.loads(out)}
    assert rows["mujoco"]["ok"]
    assert rows["rendering"]["found"] in ("egl", "osmesa") or "apt-get install" in rows["rendering"]["found"]


def test_without_a_gl_library_it_says_what_to_install(
    trained: runs.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendering, "working", lambda: None)
    code, _, err = run(["record", "maml_slope"], capsys)
    assert code == 2
    assert "apt-get install" in err


@pytest.mark.skipif(rendering.working() is None, reason=f"no OpenGL library: {rendering.ADVICE}")
def test_any_tasks_can_be_filmed_untrained_and_in_a_grid(workdir: Path) -> None:
    """Four stairs in one clip: two rows and two columns of panels, 30 frames a second of 0.15 s, and the start."""
    words = ["record", "--tasks", "AntStairsUp", "--policy", "zero", "--grid", "2x2", "--steps", "3", "--out", "a.mp4"]
    env = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    subprocess.run([sys.executable, "-m", "metarl", *words], cwd=workdir, env=env, check=True)
    with av.open(str(workdir / "a.mp4")) as clip:
        pictures = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    assert len(pictures) == 6
    height, width, _ = pictures[0].shape
    assert (width, height) == (1280, 2 * (400 + 90))  # of a picture and its caption
    panels = [pictures[0][y : y + 490, x : x + 640] for y in (0, 490) for x in (0, 640)]
    assert all(panel.std() > 10 for panel in panels)
    assert not np.array_equal(panels[0], panels[3])  # stairs of another height


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say what to film: a run, or --tasks"),
        (["x", "--tasks", "AntGoal"], "x and --tasks exclude each other"),
        (["--tasks", "AntStair"], "named 'AntStair': did you mean AntStairs"),
        (["--tasks", "rllab-point"], "its tasks have no body to film"),
        (["--tasks", "AntGoal", "--grid", "9"], "--grid is '9', expected ROWSxCOLUMNS"),
        (["--tasks", "AntGoal", "--rounds", "2"], "--rounds is for a run"),
        (["maml_point", "--policy", "zero"], "--policy is for --tasks"),
        (["--tasks", "AntGoal", "--out", "folder.mp4"], "folder.mp4 is there and is not a file"),
        (["--tasks", "AntGoal", "--task.goal_distance", "9"], "goal_distance=9 lies outside this family"),
    ],
)
def test_what_cannot_be_filmed_is_said(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], workdir: Path
) -> None:
    (workdir / "folder.mp4").mkdir()
    code, _, err = run(["record", *words], capsys)
    assert code == 2
    assert sentence in err


def test_list_shows_every_distribution_robot_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {what: json.loads(run(["list", what, "--json"], capsys)[1]) for what in ("tasks", "robots", "variables")}
    assert {"AntStairsUp", "pearl-ant-goal", "varibad-ant-dir-one-radian"} < set(listed["tasks"])
    assert len(listed["robots"]) == 7
    assert {"mass", "delay", "gaps"} < set(listed["variables"])
    assert all(len(text) > 10 for rows in listed.values() for text in rows.values())


@pytest.mark.parametrize(
    "name", ["pearl-ant-goal", "QuadrupedHills", "grbal-cheetah-hfield", "pearl-hopper-rand-params"]
)
def test_named_tasks_train(name: str, small: Callable[..., Config]) -> None:
    config = small("maml_cheetah_direction", tasks={"kind": "named", "name": name, "horizon": 4, "action_scale": 5.0})
    metrics = Trainer(config).iterate()
    assert metrics["env_steps"] == 2 * 3 * 2 * 4


FEW = "--tasks.data glyphs --tasks.way 3 --tasks.query 2 --train.num_threads 1 --learner.embedding.channels 8".split()


def test_a_few_shot_run_is_trained_resumed_evaluated_drawn_and_plotted(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("prototypical_omniglot", "matching_omniglot"):
        code, out, err = run(["train", name, *FEW, "--train.iterations", "2"], capsys)
        assert code == 0, err
        assert "examples/s" in out
    words = ["evaluate", "prototypical_omniglot", "--against", "matching_omniglot", "--tasks", "6", "--json"]
    code, out, err = run([*words, "--ways", "3", "5", "--shots", "1", "--bn", "transductive"], capsys)
    assert code == 0, err
    first, second = json.loads(out)
    assert [r["way"] for r in first["results"]] == [3, 5]
    assert all(r["episodes"] == 6 and 0 <= r["mean"] <= 1 and r["bn"] == "transductive" for r in second["results"])
    assert run(["record", "prototypical_omniglot", "--out", "episode.png"], capsys)[0] == 0
    assert run(["plot", "prototypical_omniglot", "matching_omniglot", "--out", "loss.png"], capsys)[0] == 0
    assert (workdir / "episode.png").stat().st_size > 5000
    assert "loss" in json.loads(run(["list", "runs", "--json"], capsys)[1])[runs.find("matching_omniglot").name]
    for words, sentence in (
        (["record", "prototypical_omniglot", "--grid", "2x2"], "--grid is for robots"),
        (["evaluate", "prototypical_omniglot", "--split", "ood"], "expected one of train, validation, test"),
        (["evaluate", "prototypical_omniglot", "--ways", "900"], "way 900 exceeds the"),
        (["evaluate", "prototypical_omniglot", "--shots", "19"], "exceeds the 20 drawings"),
    ):
        code, _, err = run(words, capsys)
        assert (code, sentence in err) == (2, True), err


def test_without_data_it_says_where_to_get_it(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("METARL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(workdir))
    code, _, err = run(["train", "prototypical_omniglot"], capsys)
    assert code == 2
    assert "there is no packed Omniglot" in err
    assert "METARL_DATA" in err


def test_waves_are_followed(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """300 steps already make the error after ten gradient steps on 20 points smaller than doing nothing."""
    for name in ("maml_sinusoid", "fomaml_sinusoid"):
        words = ["train", name, "--train.iterations", "300", "--outer.outer_lr", "0.01", "--learner.inner_lr", "0.02"]
        assert run(words, capsys)[0] == 0
    code, out, err = run(
        ["evaluate", "maml_sinusoid", "--against", "fomaml_sinusoid", "--tasks", "50", "--json"], capsys
    )
    assert code == 0, err
    for found in json.loads(out):
        assert found["20"]["10"]["value"] < found["20"]["0"]["value"]
    code, out, _ = run(["evaluate", "maml_sinusoid", "--tasks", "5", "--split", "ood"], capsys)
    assert code == 0
    assert "squared error on 5 ood tasks" in out
    for words, sentence in (
        (["evaluate", "maml_sinusoid", "--split", "validation"], "expected one of train, test, ood"),
        (["record", "maml_sinusoid"], "nothing to film"),
        (["train", "maml_point", "--learner.test_steps", "3"], "learner.test_steps is for supervised tasks"),
        (["train", "maml_sinusoid", "--learner.rounds", "2"], "learner.rounds is 1"),
        (["train", "maml_sinusoid", "--advantage.gamma", "0.5"], "policy and advantage are for learners that act"),
    ):
        code, _, err = run(words, capsys)
        assert (code, sentence in err) == (2, True), err


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")]
)
def test_memory_that_does_not_suffice_is_a_sentence(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: the memory of this machine does not suffice: lower ")


def test_a_link_to_nothing_in_place_of_a_picture_is_left_alone(workdir: Path) -> None:
    Path("training.png").symlink_to("elsewhere.png")
    with pytest.raises(UserError, match=r"training\.png is there and is not a file"):
        writable(Path("training.png"), (".png",))
    assert os.readlink("training.png") == "elsewhere.png"
    assert os.listdir() == ["training.png"]
