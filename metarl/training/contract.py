"""Whether a learner or a family of a user's own keeps its promises: tried once, on data of the right shapes."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from agents.learner import (
    Episode,
    Learner,
    OnPolicyLearner,
    Params,
    RecurrentLearner,
    SupervisedTask,
    Transitions,
    map_tensors,
)
from envs.contract import ContractError, called, describe, expect
from envs.core import Space
from metarl.config.experiment import Config
from metarl.errors import UserError


def check_family(config: Config, family: Any) -> None:
    """Raise UserError unless a family that takes the place of the config's has as many classes and pixels."""
    tasks = config.tasks
    if tasks.answers != "classes":
        return
    if family.space.act != tasks.outputs:
        raise UserError(
            f"the family has {family.space.act} classes a task, tasks.way is {tasks.outputs}: give the same"
        )
    pixels = None if tasks.image_size is None else tasks.image_channels * tasks.image_size**2
    if pixels is not None and family.space.obs != pixels:
        raise UserError(
            f"the family's images have {family.space.obs} pixels, expected {pixels}, as tasks.size is "
            f"{tasks.image_size}: resize them"
        )


def check_learner(config: Config, learner: Learner[Any], family: Any) -> None:
    """Call every method of a learner of a user's own once. Raises UserError for what it should not return."""
    if type(learner).__module__.split(".")[0] == "agents":
        return  # those of this project have tests
    try:
        _Trial(config, learner, family).run()
    except ContractError as error:
        raise UserError(str(error)) from None


class _Trial:
    """One task, tried with fresh parameters; random numbers are its own."""

    def __init__(self, config: Config, learner: Learner[Any], family: Any) -> None:
        self.learner, self.name = learner, type(learner).__name__
        self.generator = torch.Generator().manual_seed(0)
        self.answers, self.space = config.tasks.answers, family.space
        self.described = len(getattr(family, "descriptor_names", ())) + family.space.privileged
        self.batch = (family.horizon, config.train.episodes)  # T, E
        self.task = self._supervised(family) if config.tasks.is_supervised else self._episode(family)

    def run(self) -> None:
        learner, name = self.learner, self.name
        theta = _tensors(self._called("init", self.generator), f"{name}.init")
        theta = {k: v.detach().clone().requires_grad_() for k, v in theta.items()}
        phi = _tensors(self._called("initial_state", theta), f"{name}.initial_state")
        if learner.is_recurrent:
            self._step(theta, phi)
        else:
            for support in self.task.support:
                phi = _tensors(self._called("adapt", theta, phi, support), f"{name}.adapt")
            out = self._called("apply", theta, phi, self.task.query.x)
            self._output(out, f"{name}.apply", self.task.query)
        if isinstance(learner, OnPolicyLearner | RecurrentLearner):
            self._value(theta)
        loss = expect(self._called("loss", theta, self.task), f"{name}.loss", (), hint="a mean over the data")
        if not loss.requires_grad:
            raise ContractError(
                f"{name}.loss returned a tensor without a gradient: compute it from theta, not detached"
            )

    def _called(self, method: str, *arguments: Any) -> Any:
        return called(f"{self.name}.{method}", getattr(self.learner, method), *arguments)

    def _step(self, theta: Params, phi: Params) -> None:
        moved = self._called("step", theta, phi, self.task.query.x[0, 0])
        if not isinstance(moved, tuple) or len(moved) != 2:
            raise ContractError(f"{self.name}.step returned {describe(moved)}, expected (phi, an action distribution)")
        _tensors(moved[0], f"{self.name}.step", like=phi)
        self._policy(moved[1], f"{self.name}.step", ())

    def _value(self, theta: Params) -> None:
        query = cast(Transitions, self.task.query)
        value = self._called("value", theta, query.x, query.descriptor)
        expect(value, f"{self.name}.value", self.batch, hint="one for every step")

    def _output(self, out: object, method: str, query: Any) -> None:
        if self.answers == "actions":
            self._policy(out, method, self.batch)
        elif self.answers == "classes":
            expect(out, method, (len(query.y), self.space.act), hint="logits [Q, C]")
        else:
            expect(out, method, tuple(query.y.shape), hint="one for every target")

    def _policy(self, out: object, method: str, batch: tuple[int, ...]) -> None:
        if not all(hasattr(out, part) for part in ("mean", "log_std")):
            raise ContractError(f"{method} returned {describe(out)}, expected a distribution of agents.distributions")
        for part in ("mean", "log_std"):
            expect(getattr(out, part), f"{method}, {part} of its distribution,", (*batch, self.space.act))

    def _supervised(self, family: Any) -> SupervisedTask:
        support, query = family.examples(family.sample(1, "train", self.generator))
        return map_tensors(SupervisedTask((support,), query), lambda x: x[0])

    def _episode(self, family: Any) -> Episode:
        learner, space = self.learner, family.space
        extra = len(family.descriptor_names) + space.privileged if learner.observes_task else 0
        inputs = space.obs + extra + (space.act + 2 if learner.is_recurrent else 0)
        rounds = 0 if learner.is_recurrent else learner.rounds
        return Episode(tuple(self._transitions(inputs, space) for _ in range(rounds)), self._transitions(inputs, space))

    def _transitions(self, inputs: int, space: Space) -> Transitions:
        def normal(*shape: int) -> Tensor:
            return torch.randn(*self.batch, *shape, generator=self.generator)

        act, zeros = normal(space.act), torch.zeros(*self.batch, space.act)
        if space.discrete:
            act = torch.nn.functional.one_hot(act.argmax(-1), space.act).float()
        alive, described = torch.ones(*self.batch, dtype=torch.bool), normal(self.described)
        return Transitions(normal(inputs), act, zeros[..., 0], zeros, zeros, normal(), alive, normal(), described)


def _tensors(value: object, method: str, like: Params | None = None) -> Params:
    """The value, if it is named tensors of floating point or whole numbers (of the shapes of `like`)."""
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items()):
        raise ContractError(f"{method} returned {describe(value)}, expected a dict of names and tensors")
    for key, tensor in value.items():
        if tensor.is_complex() or (like is not None and (key not in like or like[key].shape != tensor.shape)):
            wanted = "real numbers" if like is None or key not in like else f"shape {list(like[key].shape)}"
            raise ContractError(f"{method} returned {key} as {describe(tensor)}, expected {wanted}")
    return value
