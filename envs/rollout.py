"""The rollout loop: a policy acts in worlds that all start together."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from envs.contract import ContractError, describe, expect
from envs.core import FeedbackPolicy, Policy, Space, Trajectories, Worlds
from envs.rng import seeded


@torch.no_grad()
def rollout(
    worlds: Worlds,
    policy: Policy,
    space: Space,
    shape: tuple[int, int, int],
    generator: torch.Generator,
    *,
    restart: Callable[[torch.Generator, Tensor], Tensor] | None = None,
) -> Trajectories:
    """Roll out `shape = (N, T, E)` steps; a terminated or diverged world is masked from its next step on.

    restart: lets the worlds of a mask [N, E] start another episode instead, and returns obs [N, E, O] of all of them.
        Its random numbers are those of the step, whichever worlds have ended before, or in other processes.
    The reward of the step in which a simulation diverged is masked too. The policy runs, and the data is stored, on the
    device of the generator, wherever the worlds are.
    """
    num_tasks, horizon, episodes = shape
    device = generator.device
    data = _empty(shape, space, device)
    alive = torch.ones(num_tasks, episodes, dtype=torch.bool, device=device)
    observe_reward = policy.observe_reward if isinstance(policy, FeedbackPolicy) else None
    seed = 0 if restart is None else int(torch.randint(2**62, (), generator=generator, device=device))
    obs = _checked_obs(worlds, "reset", worlds.reset(generator), shape, space).to(device, torch.float32)
    told, informed = _told(worlds, space, device), getattr(policy, "observes_privileged", False)
    for t in range(horizon):
        data.privileged[:, t] = told()
        action = policy(torch.cat([obs, data.privileged[:, t]], -1) if informed else obs, generator)
        data.obs[:, t], data.act[:, t], data.logp[:, t] = obs, action.act, action.logp
        data.mean[:, t], data.log_std[:, t], data.alive[:, t] = action.mean, action.log_std, alive
        step = worlds.step(action.act)
        if t == 0:
            _check_step(worlds, step, shape, space)
        obs, rew, terminated, diverged = (x.to(device) for x in step)
        obs = obs.float()
        data.diverged.logical_or_(diverged & alive)
        data.rew[:, t] = torch.where(alive & ~diverged, rew.float(), 0.0)
        data.terminated[:, t] = alive & (terminated | diverged)
        if observe_reward is not None:
            observe_reward(data.rew[:, t], alive, data.terminated[:, t])
        if restart is None:
            alive = alive & ~data.terminated[:, t]
        elif data.terminated[:, t].any():
            data.alive[:, t] &= ~diverged
            obs = restart(seeded(seed + t, device, generator), data.terminated[:, t]).to(device, torch.float32)
    data.last_obs.copy_(obs)
    data.last_privileged.copy_(told())
    results: dict[str, Tensor] = getattr(worlds, "results", dict)()
    return data._replace(results={name: x.to(device) for name, x in results.items()})


def _told(worlds: Worlds, space: Space, device: torch.device) -> Callable[[], Tensor]:
    """What worlds tell of their state beside the observation, [N, E, V]."""
    if space.privileged:
        return lambda: worlds.privileged().to(device, torch.float32)  # type: ignore[attr-defined]  # optional
    nothing = torch.empty(0, device=device)
    return lambda: nothing


def _empty(shape: tuple[int, int, int], space: Space, device: torch.device) -> Trajectories:
    num_tasks, _, episodes = shape
    return Trajectories(
        obs=torch.empty(*shape, space.obs, device=device),
        act=torch.empty(*shape, space.act, device=device),
        logp=torch.empty(shape, device=device),
        mean=torch.empty(*shape, space.act, device=device),
        log_std=torch.empty(*shape, space.act, device=device),
        rew=torch.zeros(shape, device=device),
        alive=torch.zeros(shape, dtype=torch.bool, device=device),
        terminated=torch.zeros(shape, dtype=torch.bool, device=device),
        diverged=torch.zeros(num_tasks, episodes, dtype=torch.bool, device=device),
        last_obs=torch.empty(num_tasks, episodes, space.obs, device=device),
        privileged=torch.empty(*shape, space.privileged, device=device),
        last_privileged=torch.empty(num_tasks, episodes, space.privileged, device=device),
    )


def _checked_obs(worlds: Worlds, method: str, obs: Tensor, shape: tuple[int, int, int], space: Space) -> Tensor:
    return expect(obs, f"{type(worlds).__name__}.{method}", (shape[0], shape[2], space.obs), hint="observations")


def _check_step(worlds: Worlds, step: object, shape: tuple[int, int, int], space: Space) -> None:
    """Raise ContractError unless a step gave what `Worlds` promises."""
    name, size = f"{type(worlds).__name__}.step", (shape[0], shape[2])
    if not isinstance(step, tuple) or len(step) != 4:
        raise ContractError(f"{name} returned {describe(step)}, expected (obs, rew, terminated, diverged)")
    obs, rew, terminated, diverged = step
    _checked_obs(worlds, "step", obs, shape, space)
    expect(rew, name, size, hint="rewards")
    expect(terminated, name, size, "bool", hint="terminated")
    expect(diverged, name, size, "bool", hint="diverged")
