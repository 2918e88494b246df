"""The worlds of a legged robot that follows a command: reset, step, reward, what is observed."""

from __future__ import annotations

import torch
from torch import Tensor

from envs import rng
from envs.core import Task, Tasks
from envs.legged.base import quaternion, yaw_of
from envs.legged.commands import sample_commands
from envs.legged.events import Events, before_event
from envs.legged.measure import Carried, Measure
from envs.legged.outcomes import Outcomes
from envs.legged.rewards import Rewards
from envs.legged.rules import LeggedRules
from envs.legged.scan import scan
from envs.legged.sensing import SCALES, Sensors
from envs.locomotion.start import from_start
from envs.locomotion.worlds import LocomotionWorlds
from envs.simulation import Simulator
from envs.simulation.params import Params

LIN_VEL_SCALE = 2.0  # of what is privileged (legged_gym)
NEVER = 2**31  # control steps


class LeggedWorlds(LocomotionWorlds):
    """`N` tasks times `E` episodes; what is drawn within episodes is drawn from a seed that the first reset draws."""

    family: LeggedRules

    def __init__(self, family: LeggedRules, sim: Simulator, tasks: Tasks, episodes: int) -> None:
        self.events: Events | None = None
        self.command = family.command  # what is drawn from; another one may be set
        super().__init__(family, sim, tasks, episodes)
        self.measure = Measure(family, self.body)
        self.rewards = Rewards(family.weights, family.control_step, positive=family.positive_reward)
        self.rng: torch.Generator | None = None
        self.carried = self.measure.fresh(sim.qpos.new_zeros(sim.num_worlds, 3))

    def set_tasks(self, tasks: Tasks, mask: Tensor | None = None) -> None:
        before = self.events
        super().set_tasks(tasks, mask)
        if self.events is not None and before is not None and mask is not None:  # others stay as they were
            self.events.happened |= before.happened & ~mask.flatten().cpu()
        terrain, scans = self.family.terrain, self.family.height_scan != "none"
        self._scanned = terrain.heights(self._task) if scans and terrain is not None else None

    def _params_of(self, task: Task) -> Params:
        """The physics before the events of the tasks, which are prepared."""
        if "event_s" not in task:
            return super()._params_of(task)
        before, after = super()._params_of(before_event(task)), super()._params_of(task)
        for name in after:  # what is changed later is a parameter of each world from the beginning
            before.setdefault(name, before[name])
        self.events = Events(task["event_s"], before, after, self.family.control_step)
        return before

    def reset(self, generator: torch.Generator, mask: Tensor | None = None) -> Tensor:
        """Start the episodes of `mask` [N, E] bool, or all; returns obs [N, E, O] of every world."""
        device, worlds = self.sim.qpos.device, self.sim.num_worlds
        started = torch.ones(worlds, dtype=torch.bool, device=device) if mask is None else mask.flatten().to(device)
        self._switch(started, happened=False)
        super().reset(generator, mask)
        drawn = sample_commands(self.command, worlds, generator).to(self.carried.command)
        self.carried = _where(started, self.measure.fresh(drawn), self.carried)
        if mask is None or self.rng is None:
            self._begin(generator)
        self.state, self.heights = self.measure.state(self.carried), self._heights()
        return self._per_task(self.sensors.restart(self.state, self.heights, generator, started))

    def _begin(self, generator: torch.Generator) -> None:
        """Forget what came before the first episode of every world."""
        family, device = self.family, self.sim.qpos.device
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        self.rng = rng.seeded(seed, device, generator)
        self.sensors = Sensors(family.noise, family.sensor_delay, scans=family.height_scan == "policy")
        self.outcomes = Outcomes(self.sim.num_worlds, family.control_step, list(self.rewards.weights), device)

    @torch.no_grad()
    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `LocomotionWorlds.step`; reward is that of the terms, for the command that held during the step."""
        assert self.rng is not None
        self._disturb()
        if self.events is not None and (due := self.events.due(self.carried.elapsed)).any():
            self._switch(due, happened=True)
        diverged = self._simulate(act)
        self._update_ground(self.family.robot.position(self.body))
        self.state, self.carried = self.measure.moved(self.carried)
        rew, each = self.rewards(self.state)
        self.outcomes.add(self.state, each, diverged, self._since_event())
        self._command_anew()
        self.heights = self._heights()
        obs = self.sensors.observe(self.state, self.heights, self.rng)
        return tuple(map(self._per_task, (obs, rew, self.state.fallen, diverged)))  # type: ignore[return-value]  # four

    def _disturb(self) -> None:
        """Push robots at random times: a change of their horizontal velocity."""
        push = self.family.push
        if not push.speed:
            return
        u = rng.uniform((self.sim.num_worlds, 3), self._rng, dtype=torch.float64).to(self.body.qvel)
        pushed = u[:, 2:] < self.family.control_step / push.every
        self.push(pushed * push.speed * (2 * u[:, :2] - 1))

    def push(self, change: Tensor) -> None:
        """Change the horizontal velocity of every base by [W, 2] m/s, along x and y of the world."""
        at = self.family.base_dof
        self.body.qvel[:, at : at + 2] += change

    def _command_anew(self) -> None:
        """Another command at random times."""
        command = self.command
        drawn = sample_commands(command, self.sim.num_worlds, self._rng).to(self.carried.command)
        u = rng.uniform((self.sim.num_worlds,), self._rng, dtype=torch.float64).to(drawn)
        now = torch.where((u < self.family.control_step / command.hold)[:, None], drawn, self.carried.command)
        self.carried, self.state = self.carried._replace(command=now), self.state._replace(command=now)

    @property
    def _rng(self) -> torch.Generator:
        assert self.rng is not None
        return self.rng

    def _switch(self, mask: Tensor, *, happened: bool) -> None:
        """Set the physics of worlds [W] bool to that before or after their event."""
        if self.events is None:
            return
        mask = mask.cpu() & (self.events.happened != happened)
        if mask.any():
            self.sim.set_params(self.events.after if happened else self.events.before, mask)
            self.events.happened = torch.where(mask, happened, self.events.happened)

    def set_event(self, happens: bool) -> None:
        """Whether the event of every world happens, whatever the task says: from the next step on and in all further
        episodes, or not at all. A task that is set asks for its own time again.
        """
        if self.events is None:
            raise ValueError("the tasks of these worlds have no event: vary event_s")
        self.events.steps = torch.full_like(self.events.steps, 0 if happens else NEVER)
        if not happens:
            self._switch(torch.ones(self.sim.num_worlds, dtype=torch.bool), happened=False)

    def _heights(self) -> Tensor | None:
        """The scan of the ground, [W, H]; None where there is none."""
        if self.family.height_scan == "none":
            return None
        place = from_start(self.family.robot.position(self.body), self._origin)
        below = None if self._surface is None else self._surface(place)
        return scan(self._scanned, place, yaw_of(quaternion(self.body, self.family.base_qpos)), below)

    def privileged(self) -> Tensor:
        """What only teachers and critics are told, [N, E, V]: see `Legged.privileged_names`."""
        state, parts = self.state, [self.state.lin_vel * LIN_VEL_SCALE, self.state.contact.to(self.state.lin_vel)]
        if self.family.height_scan == "critic" and self.heights is not None:
            parts.append(self.heights * SCALES["height"])
        if self.events is not None:
            parts.append(self.events.happened[:, None].to(state.lin_vel))
            if "event_motor" in self._task:
                parts.append(self._failed().to(state.lin_vel))
        return self._per_task(torch.cat(parts, 1))

    def _since_event(self) -> Tensor | None:
        """Seconds since the event at the middle of the latest step, [W]; below 0 before it."""
        if self.events is None:
            return None
        due = self.events.steps.to(self.carried.elapsed.device)
        seconds: Tensor = (self.carried.elapsed - due - 0.5) * self.family.control_step
        return seconds

    def _failed(self) -> Tensor:
        """Which motors have failed, [W, A] bool."""
        assert self.events is not None
        motors = torch.arange(self.sim.model.nu, device=self.sim.qpos.device)
        happened: Tensor = self.events.happened.to(motors.device)
        failed: Tensor = (self._task["event_motor"][:, None] == motors) & happened[:, None]
        return failed

    def results(self) -> dict[str, Tensor]:
        """What came of the first episode of each world, [N, E] each: see `envs.legged.outcomes`."""
        told = self.outcomes.result() | ({} if self.events is None else self.outcomes.by_second())
        return {name: self._per_task(x) for name, x in told.items()}


def _where(mask: Tensor, new: Carried, old: Carried) -> Carried:
    """`new` in the worlds of mask [W], `old` in the others."""
    return Carried(*(torch.where(mask[(..., *(None,) * (n.dim() - 1))], n, o) for n, o in zip(new, old, strict=True)))
