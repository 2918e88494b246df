"""A trained policy in the browser."""

from __future__ import annotations

import importlib.util
import signal
from dataclasses import dataclass
from typing import Any

from metarl.cli.common import ActingSplit, RunArg, console, task_parameters, typed_numbers, within
from metarl.errors import UserError

INSTALL = "pip install -c constraints.txt -e '.[viewer]'"
LAST_PORT = 65535


@dataclass
class Play:
    """Watch a run in the browser, and change its task, its command and its adaptation meanwhile; Ctrl-C ends it.

        metarl play RUN                                       one unseen task
        metarl play RUN --task direction=-1 --split ood       with these numbers, the others drawn from a split
        metarl play RUN --port 8090 --host 0.0.0.0            for other machines too

    Needs no display. Sliders reach over the ranges of training and of ood tasks.
    """

    run: RunArg
    task: tuple[str, ...] = ()
    """NAME=VALUE...: numbers of the task to begin with; also --task.NAME VALUE"""
    split: ActingSplit = "test"
    """where the other numbers are drawn from"""
    port: int = 8080
    """to listen on; 0 takes a free one"""
    host: str = "127.0.0.1"
    """address to listen on, by default this machine alone; whoever reaches another one can turn the sliders"""
    seed: int = 0
    """of the task, of starts and of sampled actions"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        given = typed_numbers(self.task) | task_parameters(overrides)
        within("seed", self.seed, 0, 2**31 - 1)
        within("port", self.port, 0, LAST_PORT)
        from metarl.deploy.loading import agent as load_agent

        with console.status(f"loading {self.run}"):
            agent = load_agent(self.run, self.seed)
        if importlib.util.find_spec("viser") is None:
            raise UserError(f"viser is not installed: {INSTALL}")
        from metarl.deploy.play.session import Session
        from metarl.deploy.play.viewer import Viewer

        viewer = Viewer(Session(agent, given, self.split, self.seed), self.host, self.port)
        before = signal.signal(signal.SIGINT, lambda *_: viewer.ended.set())  # the frame that is being sent is finished
        try:
            console.print(f"{agent.name} at {viewer.url}; Ctrl-C ends it", soft_wrap=True)
            viewer.run()
            console.print("ended")
        finally:
            signal.signal(signal.SIGINT, before)
            viewer.stop()
        return 0
