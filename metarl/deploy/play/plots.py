"""What is plotted beside the picture: the reward, returns of episodes, what a memory knows."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import viser
from viser import uplot

from metarl.deploy.play.session import Moment, Session

SECONDS = 10.0  # of the simulation that are shown; chosen
NUMBERS = 8  # of a latent that are drawn; chosen
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#222222")  # Tol's bright ones
HEIGHT = 140  # pixels


class Plots:
    """Lines that move on with the session."""

    def __init__(self, server: viser.ViserServer, session: Session) -> None:
        self.session, self.gui = session, server.gui
        length = max(2, round(SECONDS / session.control_step))
        self.rewards: deque[float] = deque(maxlen=length)
        self.latents: deque[Any] = deque(maxlen=length)
        with self.gui.add_folder("plots"):
            self.reward = self._lines("reward of a step, by time in s", ["reward"])
            self.returns = self._lines("return, by number of episodes", ["return"])
        self.latent: Any = None

    def _lines(self, title: str, names: list[str]) -> Any:
        series = [uplot.Series(label="x"), *(uplot.Series(label=n, stroke=c, width=2) for n, c in zip(names, COLOURS))]  # noqa: B905 (colours of the first)
        nothing = tuple(np.zeros(1) for _ in series)
        return self.gui.add_uplot(
            nothing,
            tuple(series),
            title=title,
            scales={"x": uplot.Scale(time=False), "y": uplot.Scale(auto=True)},
            legend=uplot.Legend(show=False),
            height=HEIGHT,
        )

    def add(self, moment: Moment) -> None:
        """One step."""
        self.rewards.append(moment.reward)
        if moment.latent is None:
            return
        if self.latent is None:
            size = len(moment.latent)
            shown = min(size, NUMBERS)
            known = f"what it knows: {shown} of {size} numbers" if size > shown else "what it knows of the task"
            with self.gui.add_folder("memory"):
                self.latent = self._lines(f"{known}, by time in s", [str(i + 1) for i in range(shown)])
        self.latents.append(moment.latent[:NUMBERS].double().numpy())

    def draw(self) -> None:
        """Send what there is."""
        x = self.session.control_step * np.arange(len(self.rewards))
        if len(x) > 1:
            self.reward.data = (x, np.array(self.rewards))
        if self.session.returns:
            self.returns.data = (np.arange(1.0, len(self.session.returns) + 1), np.array(self.session.returns))
        if len(self.latents) > 1:
            times = self.session.control_step * np.arange(len(self.latents))
            self.latent.data = (times, *np.stack(self.latents, 1))
