"""RMA: A. Kumar, Z. Fu, D. Pathak, J. Malik, 2021, RMA: rapid motor adaptation for legged robots, arXiv 2107.04034; in
one phase: Z. Fu, X. Cheng, D. Pathak, 2022, Deep whole-body control, arXiv 2210.10044, section 3.2.

Carried from task to task: a teacher, which encodes what only a simulator knows (the task and the state beside the
observation) as a latent z; a student, which estimates z from the history of observations and actions; one policy of the
observation and z; a value function that is told everything. Formed within one task: the student's memory, so that it
adapts while it acts. In training most worlds act on the teacher's z and the rest on the student's; both are trained by
PPO, the student also by squared error to z, and z towards what the student can tell (eq. 2 of Fu et al.).

Departures: the history is read by a recurrent core, not by a convolution over the last 50 steps, so that it also
reaches back to earlier episodes; the student acts in a fixed share of the worlds, where Fu et al. let it act in every
20th iteration; their weight of the second error grows with training, here it is constant.

Axes: as in `agents.memory.rl2`; `Z` latent, `D` what the teacher is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from agents.advantages import AllReduceSum, no_reduce
from agents.distributions import Policy
from agents.learner import adapt_rounds
from agents.memory.rl2 import RL2
from agents.nn.cores import run
from agents.nn.perceptrons import MLP
from agents.nn.statistics import normalize_input
from agents.objectives import mean_alive
from agents.records import Chunks, Episode, Params, Transitions, select_prefix, with_prefix

REGULARISATION = 0.2  # of the teacher's z towards the student's, relative to the student's error; chosen


@dataclass(frozen=True)
class RMA(RL2):
    """core: of inputs I, the student's memory. teacher: of D to Z. student: of the core's features to Z. policy: of
    I + Z. critic: of I. latent_coef: weight of the errors between teacher and student. informed: the share of worlds
    that act on the teacher's z in training.
    """

    teacher: MLP = field(default_factory=lambda: MLP(1, 1))
    student: MLP = field(default_factory=lambda: MLP(1, 1))
    latent_coef: float = 1.0
    informed: float = 0.75

    def init(self, generator: torch.Generator) -> Params:
        teacher = with_prefix("teacher.", self.teacher.init(generator))
        return super().init(generator) | teacher | with_prefix("student.", self.student.init(generator))

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """Input [..., I] -> the next memory and an action distribution of the student; in training there are behind it
        whether the teacher's z is used instead, and what the teacher is told, [..., 1 + D].
        """
        seen = normalize_input(theta, x[..., : self.inputs])
        phi, features = self.core.step(theta, phi, self.core.project_input(theta, seen))
        z, told = self._guess(theta, features), x[..., self.inputs + 1 :]
        if told.shape[-1]:
            z = torch.where(self._is_informed(x), self._teach(theta, told), z)
        return phi, self._act(theta, seen, z)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        """Action distributions of the student at every step of a sequence x [L, ..., I] from the memory `phi`."""
        seen, z = self._remember(theta, phi, x)
        return self._act(theta, seen, z)

    def apply_to(self, theta: Params, phi: Params, data: Transitions) -> Policy:
        """Of the teacher in the worlds where it acted, of the student in the others."""
        seen, guess = self._remember(theta, phi, data.x)
        return self._acted(theta, data, seen, self._teach(theta, data.descriptor), guess)

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        return self.critic(theta, normalize_input(theta, x[..., : self.inputs]), descriptor)

    def latent(self, theta: Params, x: Tensor, phi: Params | None = None) -> tuple[Tensor, Tensor | None]:
        """The student's z at every step of trials [L, B, I]: [L, B, Z], and no spread."""
        return self._remember(theta, self.initial_state(theta) if phi is None else phi, x)[1], None

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        return super().update_input_stats(theta, data._replace(x=data.x[..., : self.inputs]), all_reduce_sum)

    def loss(self, theta: Params, episode: Episode | Chunks) -> Tensor:
        """PPO, and the squared errors between teacher and student, each of which moves one of them."""
        data = episode.query
        seen, guess = self._remember(theta, adapt_rounds(self, theta, episode.support), data.x)
        z = self._teach(theta, data.descriptor)
        errors = (guess - z.detach()).square().sum(-1) + REGULARISATION * (z - guess.detach()).square().sum(-1)
        value = self.critic(theta, seen, data.descriptor)
        learned = self.outer(
            self._acted(theta, data, seen, z, guess.detach()), data
        ) + self.value_coef * self.critic.loss(theta, value, data)
        return learned + self.latent_coef * mean_alive(errors, data)

    def _remember(self, theta: Params, phi: Params, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised inputs and the student's z at every step, of sequences [L, B, I] or [L, B, I + 1]."""
        seen = normalize_input(theta, x[..., : self.inputs])
        return seen, self._guess(theta, run(self.core, theta, phi, seen, fused=True)[1])

    def _is_informed(self, x: Tensor) -> Tensor:
        """Whether the teacher's z is used, [..., 1] bool; without that number it is not."""
        flag = x[..., self.inputs : self.inputs + 1]
        return flag > 0 if flag.shape[-1] else torch.zeros_like(x[..., :1], dtype=torch.bool)

    def _guess(self, theta: Params, features: Tensor) -> Tensor:
        z: Tensor = self.student(select_prefix("student.", theta), features)
        return z

    def _teach(self, theta: Params, told: Tensor) -> Tensor:
        z: Tensor = self.teacher(select_prefix("teacher.", theta), told)
        return z

    def _act(self, theta: Params, seen: Tensor, z: Tensor) -> Policy:
        return self.policy(select_prefix("policy.", theta), torch.cat([seen, z], -1))

    def _acted(self, theta: Params, data: Transitions, seen: Tensor, z: Tensor, guess: Tensor) -> Policy:
        """On the teacher's z in the worlds where it acted, on the student's guess in the others."""
        return self._act(theta, seen, torch.where(self._is_informed(data.x), z, guess))


def without_teacher(theta: Params) -> Params:
    """Weights of RMA -> those of RL^2 whose policy acts as the student's, without a value function.

    Its first layer is that of RMA's policy after the student's: it reads the core's features in place of z, and reads
    them before the input.
    """
    first, student, bias = (theta[k] for k in ("policy.layer0.weight", "student.layer0.weight", "student.layer0.bias"))
    seen, z = first[:, : -len(bias)], first[:, -len(bias) :]
    kept = {k: v for k, v in theta.items() if not k.startswith(("teacher.", "student.", "value."))}
    return kept | {
        "policy.layer0.weight": torch.cat([z @ student, seen], 1),
        "policy.layer0.bias": theta["policy.layer0.bias"] + z @ bias,
    }
