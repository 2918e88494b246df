"""A trained policy as a file that runs without this project."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metarl.cli.common import RunArg, Split, console, task_parameters, typed_numbers, within, writable
from metarl.errors import UserError
from metarl.runs.folder import Run

if TYPE_CHECKING:
    from envs.core import Tasks
    from metarl.deploy.agent import Agent
    from metarl.deploy.verifying import Verified

SPLIT = "test"  # of the numbers of a task that are not given


@dataclass
class Export:
    """Write the policy of a run to a file that acts without torch and without this project.

        metarl export RUN --verify                                a memory adapts by itself, in any task
        metarl export RUN --task goal_x=0.3 goal_y=0.1            adapted to this task, or told it
        metarl export RUN --adapt-on ood                          adapted to one unseen task of a split

    The file answers with the most likely action, in [-1, 1] or the number of a discrete one, and says how it is used.
    """

    run: RunArg
    format: Literal["onnx", "torchscript"] = "onnx"
    """onnx for any language, torchscript for torch"""
    task: tuple[str, ...] = ()
    """NAME=VALUE...: numbers of the task that a learner adapts to, or that an oracle is told; also --task.NAME VALUE"""
    adapt_on: Split | None = None
    """adapt to a task that is drawn from this split; numbers of --task are kept"""
    episodes: int | None = None
    """episodes to adapt on, by default as many as in training; 0 exports the policy before adaptation"""
    out: Path | None = None
    """the file to write, .onnx or .pt; by default policy.onnx in the run's folder"""
    model: Path | None = None
    """write the robot's MuJoCo model too, to this .xml"""
    verify: bool = False
    """let the file act in a process without torch, and compare 1000 actions"""
    seed: int = 0
    """of a task that is drawn, of episodes to adapt on, and of --verify"""
    json: bool = False
    """print JSON: what the file says of itself, and what --verify found"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        given = typed_numbers(self.task) | task_parameters(overrides)
        within("seed", self.seed, 0, 2**31 - 1)
        within("episodes", self.episodes or 0, 0, 1000)
        from metarl.deploy.loading import agent as load
        from metarl.deploy.writing import SUFFIXES, check_installed, export
        from metarl.runs import folder as runs

        run = runs.find(self.run)
        path = self.out or run.path / f"policy{'_best' if run.best else ''}{SUFFIXES[self.format]}"
        writable(path, (SUFFIXES[self.format],))
        check_installed(self.format)
        agent = load(f"{run.path}{'@best' if run.best else ''}", seed=self.seed)
        task = self._prepare(agent, run, given)
        with console.status(f"exporting {path}"):
            description = export(agent, path, None if task is None else task.to_json()[0])
        if self.model is not None:
            self._write_model(agent, self.model)
        verified = self._verified(agent, path, task) if self.verify else None
        self._report(path, description, verified)
        return 0

    def _prepare(self, agent: Agent, run: Run, given: dict[str, float]) -> Tasks | None:
        """Adapt to a task, or tell it; None where neither is asked for."""
        learner = agent.trained.learner
        adapts = bool(learner.rounds) and not learner.is_recurrent
        asked = self.adapt_on is not None or bool(given)
        why = "adapts by itself while it acts" if learner.is_recurrent else "does not adapt"
        if self.episodes is not None and not adapts:
            raise UserError(f"--episodes are for policies that adapt between them, but {run.name} {why}: leave it out")
        if asked and not adapts and not agent.task_names:
            raise UserError(
                f"--task and --adapt-on are for policies that are fitted to a task, but {run.name} {why}: leave them "
                "out"
            )
        if adapts and not asked and self.episodes != 0:
            raise UserError(
                f"{run.name} acts after adaptation to a task: give --task NAME=VALUE or --adapt-on {SPLIT}, or "
                "--episodes 0 for the policy before it"
            )
        return self._fit(agent, given, adapts) if asked else None

    def _fit(self, agent: Agent, given: dict[str, float], adapts: bool) -> Tasks:
        from metarl.deploy.recording import adapt_in
        from metarl.evaluation.sampling import complete_tasks, seeded

        task = complete_tasks(agent.trained.family, given, self.adapt_on or SPLIT, self.seed)
        if agent.task_names:
            agent.reset(task.to_json())
        if adapts:
            usual = agent.trained.learner.rounds * agent.trained.episodes
            adapt_in(agent, task, usual if self.episodes is None else self.episodes, seeded(self.seed))
        return task

    def _verified(self, agent: Agent, path: Path, task: Tasks | None) -> Verified:
        from metarl.deploy.verifying import TOLERANCE, verify
        from metarl.evaluation.sampling import complete_tasks

        if task is None:
            task = complete_tasks(agent.trained.family, {}, SPLIT, self.seed)
        found = verify(agent, path, task, self.seed)
        if not found.is_same:
            raise UserError(
                f"{path} acts otherwise than {self.run}: its actions differ by {found.difference:.1e} over "
                f"{found.steps} steps, at most {TOLERANCE:.0e} is expected; try the other --format"
            )
        return found

    def _write_model(self, agent: Agent, path: Path) -> None:
        """The model that was trained in, without what differs between tasks."""
        from envs.robots.robot import compile_quietly
        from metarl.system.files import atomic_write

        family: Any = agent.trained.family
        if not hasattr(family, "spec"):
            raise UserError(f"--model is for robots, but {self.run} has none")
        writable(path, (".xml",), "--model")
        spec = family.spec(family.physics)
        compile_quietly(spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of attributes that MuJoCo will not know for ever
            text = spec.to_xml()
        atomic_write(path, text)

    def _report(self, path: Path, description: dict[str, Any], verified: Verified | None) -> None:
        if self.json:
            checked = None if verified is None else verified._asdict()
            print(json.dumps({"file": str(path), "description": description, "verified": checked}, indent=1))
            return
        shapes = ", ".join(f"{name} {entry['shape']}" for name, entry in description["inputs"].items())
        console.print(f"wrote {path}: {path.stat().st_size / 1e3:.1f} kB", soft_wrap=True)
        console.print(f"inputs {shapes}; outputs {', '.join(description['outputs'])}", soft_wrap=True)
        if self.model is not None:
            console.print(f"wrote {self.model}", soft_wrap=True)
        if verified is not None:
            without = "torch and this project" if path.suffix == ".onnx" else "this project"
            console.print(
                f"{verified.steps} steps in a process without {without}: actions differ by {verified.difference:.1e} "
                f"at most, {verified.milliseconds:.3f} ms a step on one core",
                soft_wrap=True,
            )
