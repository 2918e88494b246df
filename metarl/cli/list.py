"""What there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.table import Table
from tyro.conf import Positional, arg

from agents.registry import LEARNERS
from envs import named
from envs.robots.registry import ROBOTS
from envs.task_registry import TASKS
from envs.variations.registry import VARIATIONS
from envs.wording import millions
from metarl.cli.common import console, no_overrides
from metarl.config import files as settings
from metarl.config.loggers import LOGGERS
from metarl.config.outer_settings import OUTERS
from metarl.runs.folder import Run

What = Literal["configs", "tasks", "kinds", "robots", "variables", "learners", "outers", "loggers", "runs"]


@dataclass
class List:
    """What there is: configs, distributions, kinds of tasks, robots, variables, learners, outers, loggers, or runs."""

    what: Annotated[
        Positional[
            Literal["configs", "tasks", "kinds", "robots", "variables", "learners", "outers", "loggers", "runs"]
        ],
        arg(help="kinds: of tasks, as in tasks.kind; outers: outer steps, as in outer.kind"),
    ]
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.runs import folder as runs

        listings: dict[str, Callable[[], dict[str, str]]] = {
            "configs": lambda: {n: _first_comment(settings.folder() / f"{n}.yaml") for n in settings.names()},
            "tasks": named.describe,
            "kinds": TASKS.describe,
            "robots": ROBOTS.describe,
            "variables": VARIATIONS.describe,
            "learners": LEARNERS.describe,
            "outers": OUTERS.describe,
            "loggers": LOGGERS.describe,
            "runs": lambda: {r.name: _progress_of(r) for r in runs.every()},
        }
        rows = listings[self.what]()
        if self.json:
            print(json.dumps(rows, indent=1))
        elif not rows:
            console.print(f"there are no {self.what} below {runs.ROOT.absolute()}: train one first", soft_wrap=True)
        else:
            table = Table(box=None, show_header=False)
            for name, text in rows.items():
                table.add_row(name, text)
            console.print(table)
        return 0


def _first_comment(path: Path) -> str:
    return path.read_text().splitlines()[0].removeprefix("# ")


def _progress_of(run: Run) -> str:
    last = run.last_record()
    if last is None:
        return "no finished iteration"
    done, steps = f"iteration {last['iteration']:.0f}", f"{millions(last['env_steps'])} M"
    if "return_before" in last:
        reached = last.get("return_after", last["return_before"])
        return f"{done}, {steps} steps, return {reached:z.0f}"
    return f"{done}, {steps} examples" + (f", loss {last['loss']:z.3f}" if "loss" in last else "")
