"""The controls beside the picture. What is turned or pressed is put into a queue, from which the loop takes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

import viser

from envs.wording import count_of
from metarl.deploy.play.adaptation import EpisodicAdaptation, RecurrentAdaptation
from metarl.deploy.play.knobs import Knob, beyond_training
from metarl.deploy.play.session import Session

Act = Callable[[], None]
SHOWN = 12  # knobs that stand open; further ones are in a folder that is closed
STEPS = 100  # of a slider
BEYOND = 1.5  # times the commands of training, to which sliders reach; chosen
PUSH = 1.0  # m/s; chosen: twice that of the dogs' training
FASTEST = 4.0  # times real time
KEYS = {  # which number of the command a key changes, and how; the arrow keys turn the camera
    "I": (0, 1, "faster forwards"),
    "K": (0, -1, "slower forwards"),
    "U": (1, 1, "more to the left"),
    "O": (1, -1, "more to the right"),
    "J": (2, 1, "turn more to the left"),
    "L": (2, -1, "turn more to the right"),
}
KEY_STEP = 0.1  # m/s and rad/s of one press; chosen
MEMORY_WORDS = {
    "kept": "kept from episode to episode",
    "episode": "reset every episode",
    "step": "off: reset every step",
}
LAST_WORDS = {"episode": "kept within an episode", "step": "off: reset every step"}


class Panel:
    """Controls of one session."""

    def __init__(self, server: viser.ViserServer, session: Session) -> None:
        self.gui, self.session = server.gui, session
        self.queue: SimpleQueue[Act] = SimpleQueue()
        self.paused, self.speed = False, 1.0
        self.status = self.gui.add_markdown("")
        self._add_run()
        if session.follows_commands:
            self._add_command()
        if session.follows_commands or session.has_event:
            self._add_disturbances()
        self._add_adaptation()
        self._add_knobs(session.knobs)

    def later(self, act: Act) -> None:
        """Let the loop do something between two steps."""
        self.queue.put(act)

    def _button(self, label: str, act: Act, hint: str | None = None) -> None:
        self.gui.add_button(label, hint=hint).on_click(lambda _: self.later(act))

    def _switch(self, label: str, value: bool, act: Callable[[bool], None], hint: str | None = None) -> None:
        box = self.gui.add_checkbox(label, value, hint=hint)
        box.on_update(lambda _: self.later(lambda: act(bool(box.value))))

    def _set(self, name: str) -> Callable[[bool], None]:
        """Sets an attribute of the session."""
        return lambda value: setattr(self.session, name, value)

    def _add_run(self) -> None:
        session = self.session
        self._switch("pause", False, lambda value: setattr(self, "paused", value))
        slider = self.gui.add_slider("speed", 0.1, FASTEST, 0.1, 1.0, marks=((1.0, "real time"),))
        slider.on_update(lambda _: self.later(lambda: setattr(self, "speed", float(slider.value))))
        self._button("new episode", session.restart, "of the same task; what is known of it stays")
        if not isinstance(session.adaptation, EpisodicAdaptation):
            hint = f"after {session.family.horizon} steps, as in training"
            self._switch("episodes end by time", session.ends_by_time, self._set("ends_by_time"), hint)
        hint = "actions are sampled as in training, or the most likely ones"
        self._switch("sampled actions", session.explores, self._set("explores"), hint)

    def _add_command(self) -> None:
        session, ranges = self.session, self.session.family.command
        with self.gui.add_folder("command"):
            own = self.gui.add_checkbox("drawn as in training", True)
            sliders = [
                _slider(self.gui, label, BEYOND * min(low, 0.0), BEYOND * high, 0.0, ((low, ""), (high, "trained")))
                for label, (low, high) in (
                    ("forwards, m/s", ranges.forward),
                    ("to the left, m/s", ranges.sideways),
                    ("turning, rad/s", ranges.turn),
                )
            ]

            def apply() -> None:
                forward, left, turn = (float(s.value) for s in sliders)
                session.command(None if own.value else (forward, left, turn))

            def moved(_: Any) -> None:
                own.value = False  # type: ignore[misc]  # viser lets it be set; its types do not say so
                self.later(apply)

            own.on_update(lambda _: self.later(apply))
            for slider in sliders:
                slider.on_update(moved)
        self._add_keys(sliders, moved)

    def _add_keys(self, sliders: list[Any], moved: Callable[[Any], None]) -> None:
        """Keys that move the sliders of the command."""

        def bind(key: Any, label: str, change: Callable[[], None]) -> None:
            def pressed(event: Any) -> None:
                change()
                moved(event)

            self.gui.add_command(label, hotkey=key).on_trigger(pressed)

        def add(slider: Any, step: float) -> None:
            slider.value = min(max(slider.value + step, slider.min), slider.max)

        def stop() -> None:
            for slider in sliders:
                slider.value = 0.0

        for key, (which, sign, label) in KEYS.items():
            bind(key, label, partial(add, sliders[which], sign * KEY_STEP))
        bind("space", "stand still", stop)

    def _add_disturbances(self) -> None:
        session = self.session
        with self.gui.add_folder("disturbances"):
            if session.follows_commands:
                size = self.gui.add_slider("push, m/s", 0.1, 3.0, 0.1, PUSH)
                ways = {"push left": (0, 1), "push right": (0, -1), "forwards": (1, 0), "backwards": (-1, 0)}
                buttons = self.gui.add_button_group("along the world's axes", list(ways))

                def pushed(_: Any) -> None:
                    x, y = ways[buttons.value]
                    strength = float(size.value)
                    self.later(lambda: session.push(strength * x, strength * y))

                buttons.on_click(pushed)
            if session.has_event:
                named = [k for k in session.knobs if k.name.startswith("event_")]
                hint = f"what these numbers say, at once: {', '.join(k.label for k in named)}"
                self._switch("event", session.event, session.set_event, hint)

    def _add_adaptation(self) -> None:
        adaptation, session = self.session.adaptation, self.session
        with self.gui.add_folder("adaptation"):
            if isinstance(adaptation, RecurrentAdaptation):
                words = MEMORY_WORDS if "kept" in adaptation.choices else LAST_WORDS
                chosen = {words[name]: name for name in adaptation.choices}
                menu = self.gui.add_dropdown("memory", tuple(chosen), initial_value=words[adaptation.memory])
                menu.on_update(lambda _: self.later(lambda: setattr(adaptation, "memory", chosen[menu.value])))
            elif isinstance(adaptation, EpisodicAdaptation):
                usual = adaptation.usual
                count = self.gui.add_slider("episodes", 1, max(20, usual), 1, usual, marks=((usual, "trained"),))
                self._switch("acts adapted", True, lambda value: setattr(adaptation, "is_on", value))

                def adapt() -> None:
                    adaptation.adapt(int(count.value))

                self._button("adapt on the latest episodes", adapt, "those with sampled actions, of this task")
            else:
                told = "is told the task" if session.agent.task_names else "does not adapt"
                self.gui.add_markdown(f"{session.agent.trained.origin.learner} {told}.")
            self._button("forget the task", session.forget)

    def _add_knobs(self, knobs: tuple[Knob, ...]) -> None:
        with self.gui.add_folder("task"):
            for knob in knobs[:SHOWN]:
                self._add_knob(knob)
        if knobs[SHOWN:]:
            with self.gui.add_folder(f"{len(knobs) - SHOWN} more", expand_by_default=False):
                for knob in knobs[SHOWN:]:
                    self._add_knob(knob)

    def _add_knob(self, knob: Knob) -> None:
        value = self.session.task[knob.name]
        if knob.choices:
            words = {knob.words(choice): choice for choice in knob.choices}
            menu = self.gui.add_dropdown(knob.label, tuple(words), initial_value=knob.words(value), hint=knob.hint)
            menu.on_update(lambda _: self.later(lambda: self._turn(knob, words[menu.value])))
            return
        ends = {end for interval in knob.trained for end in interval} - {knob.low, knob.high}
        slider = _slider(
            self.gui, knob.label, knob.low, knob.high, value, tuple((e, "") for e in sorted(ends)), knob.hint
        )
        slider.on_update(lambda _: self.later(lambda: self._turn(knob, float(slider.value))))

    def _turn(self, knob: Knob, value: float) -> None:
        self.session.set(knob.name, value)

    def tell(self, frames: float) -> None:
        """The state in words. frames: a second."""
        session = self.session
        beyond = beyond_training(session.knobs, session.task)
        adaptation = session.adaptation
        lines = [
            f"**{session.agent.trained.origin.learner}**, {session.agent.trained.origin.tasks}",
            f"step {session.steps}, return {session.total:z.1f}, {frames:.0f} frames/s",
            f"beyond training: {', '.join(beyond)}" if beyond else "as in training",
        ]
        if session.returns:
            latest = ", ".join(f"{r:z.1f}" for r in list(session.returns)[-5:])
            lines.insert(2, f"returns of the latest episodes: {latest}")
        if isinstance(adaptation, EpisodicAdaptation):
            known = f"{count_of(adaptation.rounds, 'round')} of adaptation" if adaptation.is_on else "adaptation off"
            lines.append(f"{known}, {count_of(len(adaptation.episodes), 'episode')} to adapt on")
        self.status.content = "  \n".join(lines)


def _slider(
    gui: Any,
    label: str,
    low: float,
    high: float,
    value: float,
    marks: tuple[tuple[float, str], ...] = (),
    hint: str | None = None,
) -> Any:
    """A slider of a hundred steps."""
    return gui.add_slider(label, float(low), float(high), (high - low) / STEPS, float(value), marks=marks, hint=hint)
