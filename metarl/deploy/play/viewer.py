"""The loop of `metarl play`: steps a session in real time and shows it in the browser."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from queue import Empty
from typing import Any

import numpy as np
import viser
from numpy.typing import NDArray

from envs.locomotion.family import Locomotion
from metarl.deploy.play.panel import Panel
from metarl.deploy.play.picture import Picture
from metarl.deploy.play.plots import Plots
from metarl.deploy.play.session import Session
from metarl.deploy.play.stage import Stage
from metarl.errors import UserError

FPS = 50  # frames a second; poses between control steps are interpolated
TOLD_EVERY = 0.25  # s between two updates of words and plots


class LocalServer(viser.ViserServer):
    """A server without the tunnel to the outside that viser offers to every page that asks for it."""

    def request_share_url(self, verbose: bool = True) -> str | None:
        """None: whoever wants others to see it says so by --host."""
        return None


class Viewer:
    """A session of robots in the browser at `url`, until `stop`.

    port: 0 for a free one. Raises UserError for tasks without a body, and where the address cannot be taken.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 8080) -> None:
        family: Any = session.family
        if not isinstance(family, Locomotion):
            raise UserError(f"{session.agent.name} has no body to show: its tasks are not those of a robot")
        self.session = session
        self.picture = Picture(family)
        self.server = _server(host, port, session.agent.name)
        self.url = f"http://{host}:{self.server.get_port()}"
        self.server.gui.configure_theme(show_logo=False, show_share_button=False, control_width="large")
        self.panel = Panel(self.server, session)
        self.plots = Plots(self.server, session)
        self.stage = Stage(self.server, self.picture)
        self.before = self.now = self._pose()
        self.ahead = 0.0  # s of the simulation that were stepped and not yet shown
        self.frames = 0.0  # a second
        self.ended = threading.Event()

    def _pose(self) -> NDArray[np.float64]:
        pose: NDArray[np.float64] = self.session.worlds.sim.qpos[0].cpu().numpy().copy()
        return pose

    def run(self, seconds: float | None = None) -> None:
        """Step and show until `ended` is set, or for some seconds."""
        start = told = due = time.perf_counter()
        count = 0
        while not self.ended.is_set() and (seconds is None or time.perf_counter() - start < seconds):
            self._take_orders()
            if not self.panel.paused:
                self._advance(self.panel.speed / FPS)
            self._show()
            count += 1
            now = time.perf_counter()
            if now - told > TOLD_EVERY:
                self.frames, told, count = count / (now - told), now, 0
                self.panel.tell(self.frames)
                self.plots.draw()
            due = max(due + 1 / FPS, now)  # what is late is not made up for
            time.sleep(due - now)

    def _advance(self, seconds: float) -> None:
        self.ahead -= seconds
        while self.ahead < 0:
            self.before = self.now
            moment = self.session.step()
            self.plots.add(moment)
            self.now = self._pose()
            self.ahead += self.session.control_step
            if self.session.steps == 1:
                self.before = self.now

    def _show(self) -> None:
        share = 1 - self.ahead / self.session.control_step
        pose = self.now if share >= 1 else self.picture.scene.between(self.before, self.now, max(share, 0.0))
        self.stage.show(self.picture.draw(self.session.worlds, pose))

    def _take_orders(self) -> None:
        """Do what was asked for in the browser; what cannot be done is said there."""
        while True:
            try:
                act = self.panel.queue.get_nowait()
            except Empty:
                return
            try:
                act()
            except UserError as error:
                for client in self.server.get_clients().values():
                    client.add_notification("not done", str(error), auto_close_seconds=6.0)

    def stop(self) -> None:
        """Close the server."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.server.stop()


def _server(host: str, port: int, name: str) -> viser.ViserServer:
    """Raises UserError where the address cannot be taken."""
    import socket

    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
            port = int(tried.getsockname()[1])
        except (OSError, OverflowError) as error:
            raise UserError(f"{host}:{port} cannot be listened on ({error}): give another --port or --host") from None
    with contextlib.redirect_stdout(io.StringIO()):  # where it listens is said by the command
        return LocalServer(host=host, port=port, label=name, verbose=False)
