"""Episodes of an environment of one's own, as data to adapt on.

Axes: `W` worlds, each a task of its own, `T` steps, `E` episodes, `O` observation, `A` action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor

from agents.distributions import Policy, log_prob
from envs.core import Trajectories
from metarl.deploy.acting import Actor
from metarl.deploy.spaces import ActionUnits, Env

AXES = {"diverged": 1, "last_obs": 1, "last_privileged": 1}  # of episodes, where it is not the third


class Decision(NamedTuple):
    """What was done for observations, in the units of the policy."""

    x: Tensor  # [W, O] with what is known of the task behind it
    act: Tensor  # [W, A]
    out: Policy  # [W]


class Player(Protocol):
    """What plays an episode: `metarl.deploy.agent.Agent`."""

    actor: Actor
    units: ActionUnits

    def reset(self, task: bool) -> None: ...

    def decide(self, x: Tensor, greedy: bool) -> Decision: ...


class Step(NamedTuple):
    """One step of all worlds; `alive` is whether the episode had not ended before, `ended` whether it does here,
    before the horizon or by more than time; `after` is what is observed then, without what is told of the task.
    """

    done: Decision
    after: Tensor  # [W, O]
    rew: Tensor  # [W]
    alive: Tensor  # [W] bool
    ended: Tensor  # [W] bool
    diverged: Tensor  # [W] bool


def play_round(player: Player, env: Env, episodes: int, horizon: int) -> Trajectories:
    """Episodes of at most `horizon` steps with sampled actions, one after the other, [W, T, E, ...].

    An episode that is cut by time ends as at the horizon in training: nothing is expected behind it.
    """
    return as_trajectories([_play(player, env, horizon) for _ in range(episodes)], horizon)


def as_trajectories(episodes: Sequence[Sequence[Step]], horizon: int) -> Trajectories:
    """Episodes of at most `horizon` steps in the same worlds, as data [W, T, E, ...]."""
    played = [_fields(steps, horizon) for steps in episodes]
    fields = {name: torch.cat([p[name] for p in played], AXES.get(name, 2)) for name in played[0]}
    return Trajectories._make([*(fields[name] for name in Trajectories._fields if name in fields), {}])


def _play(player: Player, env: Env, horizon: int) -> list[Step]:
    """One episode of every world; worlds in which it has ended go on, and what they do does not count."""
    is_batch = isinstance(env, VectorEnv)
    obs = _rows(env.reset()[0], is_batch)
    player.reset(task=False)
    alive, steps = torch.ones(len(obs), dtype=torch.bool), []
    for t in range(horizon):
        finite = obs.isfinite().all(1)
        done = player.decide(obs.nan_to_num(0.0, 0.0, 0.0), greedy=False)
        act = player.units.of(done.act)
        seen, *came, info = env.step(act if is_batch else act[0])
        obs = _rows(seen, is_batch)
        rew, terminated, truncated = (torch.from_numpy(np.array(part)).reshape(-1) for part in came)
        ended, failed = terminated | truncated, torch.tensor(info.get("diverged", False)).expand(len(obs))
        diverged = failed | ~finite | ~rew.isfinite() | ~(obs.isfinite().all(1) | ended)
        rew = torch.where(alive & ~diverged, rew.float(), 0.0)
        player.actor.remember(rew, ended | diverged, alive)
        counted = terminated | diverged | (truncated if t < horizon - 1 else False)
        after = _ends(obs, info).nan_to_num(0.0, 0.0, 0.0)
        steps.append(Step(done, after, rew, alive, alive & counted, alive & diverged))
        alive = alive & ~(ended | diverged)
        if not alive.any():
            break
        if ended.any() and env.metadata.get("autoreset_mode") == AutoresetMode.DISABLED:
            obs = _rows(env.reset(options={"reset_mask": ended.numpy()})[0], is_batch)
    player.reset(task=False)
    return steps


def _ends(obs: Tensor, info: dict[str, Any]) -> Tensor:
    """Observations [W, O] after a step; where the environment begins a new episode by itself, the last of the old."""
    ended = np.asarray(info.get("_final_obs", False))
    if not ended.any():
        return obs
    last = obs.clone()
    last[torch.from_numpy(ended)] = torch.from_numpy(np.stack([*info["final_obs"][ended]]).astype(np.float32))
    return last


def _rows(obs: Any, is_batch: bool) -> Tensor:
    """Observations [W, O]."""
    array = torch.from_numpy(np.array(obs, dtype=np.float32))
    return array if is_batch else array[None]


def _fields(steps: Sequence[Step], horizon: int) -> dict[str, Tensor]:
    """The fields of one episode [W, T, 1, ...], with zeros where it had ended, and with its last observation.

    What is privileged in the state is a part of what is observed, where a policy is told it.
    """
    done = [s.done for s in steps]
    obs, last = [], done[0].x
    for step in steps:
        obs.append(torch.where(step.alive[:, None], step.done.x, last))
        told = step.done.x[:, step.after.shape[1] :]
        last = torch.where(step.alive[:, None], torch.cat([step.after, told], 1), last)
    obs += [last] * (horizon - len(obs))
    rows: dict[str, list[Tensor]] = {
        "obs": obs,
        "act": [d.act for d in done],
        "logp": [log_prob(d.out, d.act) for d in done],
        "mean": [d.out.mean for d in done],
        "log_std": [d.out.log_std for d in done],
        "rew": [s.rew for s in steps],
        "alive": [s.alive for s in steps],
        "terminated": [s.ended for s in steps],
        "privileged": [d.x[:, :0] for d in done],
    }
    fields = {name: _padded(torch.stack(row, 1), horizon) for name, row in rows.items()}
    diverged = torch.stack([s.diverged for s in steps]).any(0)[:, None]
    return fields | {"diverged": diverged, "last_obs": last[:, None], "last_privileged": last[:, None, :0]}


def _padded(x: Tensor, horizon: int) -> Tensor:
    """[W, t, ...] -> [W, T, 1, ...]."""
    rest = x.new_zeros(len(x), horizon - x.shape[1], *x.shape[2:])
    return torch.cat([x, rest], 1)[:, :, None]
