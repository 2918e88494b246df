"""A replay of each task: tasks stay apart, the oldest steps give way, recent ones are known, and it comes back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from metarl.training.task_replay import TaskReplay

WIDTHS = {"obs": 2, "rew": 1}


def columns(*tasks: list[float]) -> dict[str, Tensor]:
    x = torch.tensor(tasks)[..., None]  # [K, S, 1]
    return {"obs": x.expand(-1, -1, 2), "rew": 10 * x}


def alive(*tasks: list[int]) -> Tensor:
    return torch.tensor(tasks) > 0


def values(replay: TaskReplay, task: int, *, recent: bool = False) -> set[float]:
    drawn = replay.sample(torch.tensor([task]), 500, torch.Generator().manual_seed(0), recent=recent)
    torch.testing.assert_close(drawn["obs"][..., 1:] * 10, drawn["rew"])
    return set(drawn["obs"][0, :, 0].tolist())


def test_tasks_stay_apart_and_their_oldest_steps_give_way() -> None:
    replay = TaskReplay(3, 4, WIDTHS)
    replay.add(torch.tensor([2, 0]), torch.ones(2, 3, dtype=torch.bool), **columns([1, 2, 3], [11, 12, 13]))
    assert values(replay, 2) == {1, 2, 3}
    assert values(replay, 0) == {11, 12, 13}
    replay.add(torch.tensor([2]), torch.ones(1, 2, dtype=torch.bool), **columns([4, 5]))
    assert values(replay, 2) == {2, 3, 4, 5}
    assert values(replay, 0) == {11, 12, 13}
    assert len(replay) == 7


def test_steps_that_are_not_alive_are_not_stored() -> None:
    replay = TaskReplay(2, 9, WIDTHS)
    replay.add(torch.tensor([1, 0]), alive([1, 1, 0], [0, 0, 1]), **columns([1, 2, 3], [11, 12, 13]))
    assert replay.added.tolist() == [1, 2]
    assert values(replay, 1) == {1, 2}
    assert values(replay, 0) == {13}


def test_context_is_of_the_latest_collection_alone() -> None:
    replay = TaskReplay(2, 5, WIDTHS)
    both, whole = torch.tensor([0, 1]), torch.ones(2, 2, dtype=torch.bool)
    replay.begin_collection(both)
    replay.add(both, whole, **columns([1, 2], [11, 12]))
    replay.begin_collection(both[:1])
    replay.add(both[:1], whole[:1], **columns([3, 4]))
    replay.add(both[:1], whole[:1], **columns([5, 6]))  # another episode of the same collection
    assert values(replay, 0, recent=True) == {3, 4, 5, 6}
    assert values(replay, 0) == {2, 3, 4, 5, 6}
    assert values(replay, 1, recent=True) == {11, 12}


def test_steps_that_do_not_count_as_recent_are_drawn_with_all_others_alone() -> None:
    """Also where the ring has gone round, and has lost some of the recent ones."""
    replay, only, whole = TaskReplay(1, 5, WIDTHS), torch.tensor([0]), torch.ones(1, 2, dtype=torch.bool)
    for first in (1, 11, 21):
        replay.begin_collection(only)
        replay.add(only, whole, **columns([first, first + 1]))
        replay.add(only, whole, recent=False, **columns([first + 2, first + 3]))
        assert values(replay, 0, recent=True) == {first, first + 1}
    assert values(replay, 0) == {14, 21, 22, 23, 24}
    replay.add(only, whole, recent=False, **columns([25, 26]))
    assert values(replay, 0, recent=True) == {22}


def test_it_comes_back_from_its_state_and_goes_on_alike() -> None:
    replay, again = TaskReplay(2, 4, WIDTHS), TaskReplay(2, 4, WIDTHS)
    replay.add(torch.tensor([0, 1]), torch.ones(2, 3, dtype=torch.bool), **columns([1, 2, 3], [11, 12, 13]))
    again.load(replay.state())
    for one in (replay, again):
        one.begin_collection(torch.tensor([1]))
        one.add(torch.tensor([1]), torch.ones(1, 3, dtype=torch.bool), **columns([14, 15, 16]))
    for one in (replay, again):
        one.add(torch.tensor([1]), torch.ones(1, 1, dtype=torch.bool), recent=False, **columns([17]))
    for name, tensor in replay.state().items():
        assert torch.equal(tensor, again.state()[name]), name


def test_what_does_not_fit_is_refused() -> None:
    replay = TaskReplay(2, 4, WIDTHS)
    with pytest.raises(ValueError, match="5 steps of a task do not fit a replay of 4"):
        replay.add(torch.tensor([0]), torch.ones(1, 5, dtype=torch.bool), **columns([1, 2, 3, 4, 5]))
    replay.add(torch.tensor([0]), torch.ones(1, 2, dtype=torch.bool), **columns([1, 2]))
    with pytest.raises(ValueError, match="of 2 tasks, expected 3"):
        TaskReplay(3, 4, WIDTHS).load(replay.state())
    with pytest.raises(ValueError, match="the replay is of shape"):
        TaskReplay(2, 4, {"obs": 2, "rew": 2}).load(replay.state())
    with pytest.raises(ValueError, match="the replay is of shape"):
        TaskReplay(2, 4, WIDTHS).load(replay.state() | {"replay.recent": torch.tensor([5, 0])})
