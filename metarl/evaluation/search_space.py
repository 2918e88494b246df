"""What a search of hyper-parameters may choose from: a YAML file of settings, each with bounds or choices.

outer.outer_lr: {low: 1.0e-4, high: 1.0e-2, log: true}
learner.inner_steps: {low: 1, high: 3}
policy.hidden: {choices: [[64, 64], [100, 100]]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.config.messages import quoted
from metarl.config.reference import settings_of_config
from metarl.errors import UserError, nearest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

BOUNDS, KEYS = {"low", "high"}, {"low", "high", "log", "choices"}
FIXED = {
    "train.iterations": "every candidate gets the same budget: --steps sets it",
    **dict.fromkeys(
        ("train.num_threads", "train.simulator", "train.device", "train.deterministic"), "nothing learns by it"
    ),
    **dict.fromkeys(("train.checkpoint_every", "train.video_every", "train.logger"), "nothing learns by it"),
}


class Variable(NamedTuple):
    """A setting and what it may be: a number between `low` and `high`, or one of `choices`."""

    key: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    is_whole: bool = False
    choices: tuple[Any, ...] = ()

    def distribution(self) -> BaseDistribution:
        """As Optuna has it; choices as JSON, since they may be lists."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution([json.dumps(choice) for choice in self.choices])
        if self.is_whole:
            return distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return distributions.FloatDistribution(self.low, self.high, log=self.log)

    def value(self, drawn: Any) -> Any:
        """What Optuna drew, as a setting."""
        return json.loads(drawn) if self.choices else drawn

    @property
    def extremes(self) -> dict[str, Any]:
        """What has to be possible: how the space calls it, and the value."""
        if self.choices:
            return {f"the choice {quoted(choice)}": choice for choice in self.choices}
        return {name: int(end) if self.is_whole else end for name, end in (("low", self.low), ("high", self.high))}


def read_space(path: Path, config: Path, overrides: dict[str, Any]) -> list[Variable]:
    """The space in a file, for a config with these settings changed.

    Raises UserError for what is no space, for settings that the config does not have, and for values that it refuses.
    """
    raw, base = settings.read_yaml(path), settings.load(config, overrides)
    if not raw:
        raise UserError(f"{path} is empty, expected settings such as outer.outer_lr: {{low: 1.0e-4, high: 1.0e-2}}")
    types = _types(base)
    space = [_variable(path, key, value, types) for key, value in raw.items()]
    for variable in space:
        if variable.key in overrides:
            raise UserError(f"{variable.key} is in {path} and on the command line: leave it out of one")
        for name, value in variable.extremes.items():
            _check_value(path, variable.key, name, value, config, overrides)
    return space


def _types(config: Config) -> dict[str, str]:
    return {setting.key: setting.type for setting in settings_of_config(config)}


def _variable(path: Path, key: str, raw: Any, types: dict[str, str]) -> Variable:
    where = f"{path}: {key}"
    if key in FIXED or key == "seed" or (key.startswith("tasks.") and key != "tasks.action_scale"):
        why = FIXED.get(key, "it would change the problem, not the solution")
        raise UserError(f"{where} is not for a search: {why}")
    if key not in types:
        raise UserError(f"{where} is not a setting of this config; {nearest(key, types)}")
    if not isinstance(raw, dict) or not raw:
        raise UserError(f"{where} is {quoted(raw)}, expected {{low: ..., high: ...}} or {{choices: [...]}}")
    if unknown := sorted(raw.keys() - KEYS):
        raise UserError(f"{where}.{unknown[0]} means nothing here; {nearest(unknown[0], KEYS)}")
    return _of_choices(where, key, raw) if "choices" in raw else _of_bounds(where, key, raw, types[key])


def _of_choices(where: str, key: str, raw: dict[str, Any]) -> Variable:
    choices = raw["choices"]
    if len(raw) > 1 or not isinstance(choices, list) or len({json.dumps(c) for c in choices}) < 2:
        raise UserError(f"{where} expects choices alone, a list of two or more")
    return Variable(key, choices=tuple(choices))


def _of_bounds(where: str, key: str, raw: dict[str, Any], kind: str) -> Variable:
    if missing := sorted(BOUNDS - raw.keys()):
        raise UserError(f"{where} has no {missing[0]}, expected {{low: ..., high: ...}} or {{choices: [...]}}")
    low, high, log = raw["low"], raw["high"], raw.get("log", False)
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in (low, high)) or not isinstance(
        log, bool
    ):
        raise UserError(f"{where} is {quoted(raw)}, expected numbers for low and high, and true or false for log")
    if not low < high:
        raise UserError(f"{where}: low is {low:g} and high is {high:g}, expected low below high")
    if log and low <= 0:
        raise UserError(f"{where}: low is {low:g}, expected more than 0 on a logarithmic scale")
    is_whole = "integer" in kind and "number" not in kind
    if is_whole and not (float(low).is_integer() and float(high).is_integer()):
        raise UserError(f"{where} is a whole number: low is {low:g} and high is {high:g}")
    if not is_whole and "number" not in kind:
        raise UserError(f"{where} is no number ({kind.replace('`', '')}): give choices")
    return Variable(key, low, high, log, is_whole)


def _check_value(path: Path, key: str, name: str, value: Any, config: Path, overrides: dict[str, Any]) -> None:
    try:
        settings.load(config, overrides | {key: value})
    except UserError as error:
        problem = str(error).removeprefix(f"--{key}").removeprefix(f"{config}: ")
        raise UserError(f"{path}: {key}: {name}{problem if problem[:1] in ' :' else f': {problem}'}") from None
