"""Training that starts from the weights of another run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from agents.baselines.joint import as_hypernetwork, without_statistics
from agents.learner import Params
from agents.memory.rma import without_teacher
from envs.ranges import Variable
from envs.variables import centring
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.training.build import build_family

log = logging.getLogger(__name__)
VALUE = "value."  # of the names in a value function, which acting does not need
OBSERVED = ("policy.layer0.weight", "seen.mean", "seen.var", "controller.input")  # by inputs: observations, then others
TAUGHT = ("teacher.layer0.weight",)  # by what a teacher is told
OBSERVATION_FIRST = ("joint", "oracle", "rma")  # learners in which OBSERVED is right
ACTS_AS: dict[tuple[str, str], Callable[[Params, Params], Params]] = {  # the second begins by acting as the first
    ("rma", "gru"): lambda theta, fresh: fresh | without_teacher(theta),
    ("joint", "maml"): lambda theta, fresh: fresh | without_statistics(theta),
    ("joint", "reptile"): lambda theta, fresh: fresh | without_statistics(theta),
    ("joint", "hypernetwork"): as_hypernetwork,
}


def warm_started(config: Config) -> checkpoint.Load | None:
    """How to load the weights and running statistics of `train.init_from`; None where it is not set.

    Iteration, optimiser, curriculum and random numbers start anew, as of a training from random weights. Raises
    UserError where there is no such run, and when loading where its networks are not those of the config.
    """
    name = config.train.init_from
    if name is None:
        return None
    run = runs.find(name)

    def load(like: Params | None) -> checkpoint.State:
        assert like is not None
        fit = Fit(name, Inputs.of(run.config), Inputs.of(config))
        theta = fit(checkpoint.selected_checkpoint(run)(None).theta, like)
        if config.train.reset_std:
            theta |= _fresh_std(like)
        return checkpoint.State(0, 0, 0.0, theta, {}, torch.Generator().manual_seed(config.seed))

    return load


def _fresh_std(like: Params) -> Params:
    """Of the policy. Raises UserError where it has none that is learned."""
    found = {k: v for k, v in like.items() if k.split(".")[-1] == "log_std"}
    if not found:
        raise UserError("train.reset_std is for policies with a learned standard deviation of actions: leave it out")
    return found


@dataclass(frozen=True)
class Inputs:
    """What the networks of a config are given, by name.

    learner: its kind. observed: by policies. told: to teachers and value functions. numbers: of an observation. named:
    whether these have names. units: of what is told of the task, the middle and half width of training ranges by name.
    """

    learner: str
    observed: tuple[str, ...]
    told: tuple[str, ...]
    numbers: int
    named: bool
    units: dict[str, tuple[float, float]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, config: Config) -> Inputs:
        kind = config.learner.kind
        if config.tasks.is_supervised:
            return cls(kind, (), (), 0, named=False)
        family: Any = build_family(config)
        signals = tuple(signal.name for signal in family.signals()) if hasattr(family, "signals") else ()
        named = len(signals) == family.space.obs
        observed = signals if named else tuple(f"observation {i}" for i in range(family.space.obs))
        names = getattr(family, "descriptor_names", ())
        told = (*getattr(family, "privileged_names", ()), *names)
        if config.learner.observes_task:
            observed += told
        units = {v.name: _unit(v) for v in getattr(family, "variables", ()) if v.name in names}
        return cls(kind, observed, told, family.space.obs, named, units)

    @property
    def movable(self) -> bool:
        """Whether it is known where the learner has them."""
        return self.learner in OBSERVATION_FIRST


@dataclass(frozen=True)
class Fit:
    """Gives the parameters of a run to the networks of a config.

    name: of the run. before, now: inputs of the run, and of the config.

    Inputs that only the config has start with weight 0, and then the statistics of all inputs start with the next
    iteration. Weights of inputs that only the run has are left out; so are networks of another kind of learner, such
    as RMA's teacher in joint training, and those that only the config's kind has start anew. A value function with
    other inputs or sizes starts anew. Learners of other networks that can begin by acting as the run are in `ACTS_AS`.
    """

    name: str
    before: Inputs
    now: Inputs

    def __call__(self, theta: Params, fresh: Params) -> Params:
        """theta in the order of `fresh`. Raises UserError where shapes do not fit, or anything is missing."""
        moved = self.before != self.now
        self._warn_of_units()
        if acts_as := ACTS_AS.get((self.before.learner, self.now.learner)):
            theta = acts_as(theta, fresh)
        if moved and self.before.movable and self.now.movable:
            theta = theta | self._moved(theta, fresh)
            if self.before.learner != self.now.learner:
                theta = self._of_this_learner(theta, fresh)
        elif self.before.named and self.now.named and self.before.observed != self.now.observed:
            raise UserError(
                f"train.init_from {self.name} observes other things than this config, and only policies of "
                f"{', '.join(OBSERVATION_FIRST)} can be given them: give a run with the same observations"
            )
        shapes, expected = ({k: tuple(v.shape) for k, v in params.items()} for params in (theta, fresh))
        others = [k for k in expected | shapes if shapes.get(k) != expected.get(k)]
        if problem := next((k for k in others if not k.startswith(VALUE)), None):
            raise UserError(
                f"train.init_from {self.name} does not fit this config: {problem} is {shapes.get(problem)} there and "
                f"{expected.get(problem)} here: give a run with the same learner, network sizes and observations"
            )
        anew = bool(others) or moved
        if anew and any(k.startswith(VALUE) for k in fresh):
            log.warning(
                "the value function of %s has other inputs or sizes than this config's: it starts anew", self.name
            )
        return {k: v if anew and k.startswith(VALUE) else theta[k] for k, v in fresh.items()}

    def _warn_of_units(self) -> None:
        """Of what oracles, teachers and value functions are told in other units, because its training range differs."""
        before, now = self.before.units, self.now.units
        if changed := sorted(name for name in before.keys() & now.keys() if before[name] != now[name]):
            text = "%s was told %s by other training ranges: what is told of them has another scale at first"
            log.warning(text, self.name, ", ".join(changed))

    def _of_this_learner(self, theta: Params, fresh: Params) -> Params:
        """theta without the networks of another kind of learner, and with those that only this kind has."""
        anew, gone = (sorted({k.split(".")[0] for k in set(a) - set(b)}) for a, b in ((fresh, theta), (theta, fresh)))
        if anew or gone:
            text = "%s is of %s and this config of %s: %s left out, %s started anew"
            names = (", ".join(part) or "nothing" for part in (gone, anew))
            log.warning(text, self.name, self.before.learner, self.now.learner, *names)
        return {k: theta.get(k, v) for k, v in fresh.items()}

    def _moved(self, theta: Params, fresh: Params) -> Params:
        """Those of theta that depend on which inputs there are."""
        before, now = self.before, self.now
        if before.numbers != now.numbers and not (before.named and now.named):
            raise UserError(
                f"train.init_from {self.name} observes {before.numbers} numbers and this config {now.numbers}, which "
                "have no names: give the same tasks"
            )
        new, gone = (set(a.observed) - set(b.observed) for a, b in ((now, before), (before, now)))
        if new or gone:
            text = "%d inputs are not observed by %s: they start with weight 0; it observed %d that are left out"
            log.warning(text, len(new), self.name, len(gone))
        both = theta.keys() & fresh.keys()
        moved = {k: _columns(theta[k], before.observed, now.observed, fresh[k]) for k in both & set(OBSERVED)}
        moved |= {k: _columns(theta[k], before.told, now.told, fresh[k]) for k in both & set(TAUGHT)}
        if "seen.mean" in both and (new or _behind(fresh, now) > _behind(theta, before)):
            moved["seen.count"] = torch.zeros_like(theta["seen.count"])
        return moved


def _unit(variable: Variable) -> tuple[float, float]:
    _, middle, half = centring(variable)
    return float(middle), float(half)


def _behind(theta: Params, inputs: Inputs) -> int:
    """How many numbers a learner is given besides observations."""
    return len(theta["seen.mean"]) - len(inputs.observed)


def _columns(old: Tensor, before: tuple[str, ...], now: tuple[str, ...], fresh: Tensor) -> Tensor:
    """`old` [..., I] by the inputs `before` and others behind them -> by the inputs `now` and those behind them.

    Inputs that are new have weights 0, or statistics of no data, those of `fresh`. What is behind the inputs is the
    same, or only one of the two learners has it; otherwise `old`, which does not fit.
    """
    others, others_now = old.shape[-1] - len(before), fresh.shape[-1] - len(now)
    if (others and others_now and others != others_now) or others < 0 or old.shape[:-1] != fresh.shape[:-1]:
        return old
    places = {name: i for i, name in enumerate((*before, *range(others)))}
    new = fresh.clone() if fresh.dim() == 1 else torch.zeros_like(fresh)
    for column, name in enumerate((*now, *range(others_now))):
        if name in places:
            new[..., column] = old[..., places[name]]
    return new
