"""Checkpoints are complete or refused, and the newest complete one is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs.folder import Run


def state(iteration: int) -> checkpoint.State:
    generator = torch.Generator().manual_seed(iteration)
    torch.rand(3, generator=generator)
    theta = {"a": torch.randn(3, 2, generator=generator), "b": torch.tensor(1.5)}
    return checkpoint.State(iteration, 10 * iteration, 0.5, theta, {"0.step": torch.tensor(3.0)}, generator)


def test_everything_comes_back(tmp_path: Path) -> None:
    saved = state(7)
    back = checkpoint.load(checkpoint.save(tmp_path, saved))
    assert (back.iteration, back.env_steps, back.seconds) == (7, 70, 0.5)
    assert all(torch.equal(back.theta[k], v) for k, v in saved.theta.items())
    assert torch.equal(back.outer["0.step"], torch.tensor(3.0))
    assert torch.equal(torch.rand(4, generator=back.generator), torch.rand(4, generator=saved.generator))


def test_the_last_two_are_kept_and_nothing_else_is_left(tmp_path: Path) -> None:
    for i in (1, 2, 3):
        checkpoint.save(tmp_path, state(i))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["iteration_0000002", "iteration_0000003"]


FILES = ["theta.safetensors", "outer.safetensors", "random.safetensors", "state.json", "manifest.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "empty"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(
    name: str, damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint.save(tmp_path, state(1))
    newest = checkpoint.save(tmp_path, state(2))
    path = newest / name
    content = bytearray(path.read_bytes())
    match damage:
        case "truncate":
            path.write_bytes(content[: len(content) // 2])
        case "flip":
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        case "remove":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
    with pytest.raises(UserError) as caught:
        checkpoint.load(newest)
    assert str(newest) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert checkpoint.load_newest(tmp_path).iteration == 1
    assert str(newest) in caplog.text


def test_a_missing_checkpoint_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no checkpoint"):
        checkpoint.load_newest(tmp_path)


def test_the_best_checkpoint_is_kept_and_selected_by_its_suffix(tmp_path: Path) -> None:
    """Of five checkpoints with scores 1, 9, 3, 4, 5 the second one is kept, though it is not among the last two."""
    run = Run(tmp_path, best=True)
    for i, score in enumerate((1.0, 9.0, 3.0, 4.0, 5.0), 1):
        checkpoint.save(run.checkpoints, state(i)._replace(score=score))
    assert sorted(p.name for p in run.checkpoints.iterdir()) == [f"iteration_000000{i}" for i in (2, 4, 5)]
    like = state(1).theta
    assert checkpoint.selected_iteration(run) == checkpoint.selected_checkpoint(run)(like).iteration == 2
    assert (
        checkpoint.selected_iteration(Run(tmp_path))
        == checkpoint.selected_checkpoint(Run(tmp_path))(like).iteration
        == 5
    )


def test_without_scores_no_checkpoint_is_the_best(tmp_path: Path) -> None:
    run = Run(tmp_path, best=True)
    checkpoint.save(run.checkpoints, state(1))
    with pytest.raises(UserError, match="give the run without @best"):
        checkpoint.selected_iteration(run)


@pytest.mark.parametrize(
    ("key", "value"),
    [("iteration", -1), ("env_steps", True), ("env_steps", 1.5), ("seconds", 10**400), ("score", 10**400)],
)
def test_impossible_numbers_are_refused_in_one_sentence(key: str, value: object) -> None:
    files = checkpoint.packed(state(1))
    numbers = json.loads(files["state.json"])
    files["state.json"] = json.dumps({**numbers, key: value}).encode()
    with pytest.raises(checkpoint.UNREADABLE):
        checkpoint.unpacked(files)


def test_equal_states_give_equal_bytes_and_come_back(tmp_path: Path) -> None:
    assert checkpoint.packed(state(3)) == checkpoint.packed(state(3))
    assert checkpoint.packed(checkpoint.unpacked(checkpoint.packed(state(3)))) == checkpoint.packed(state(3))
