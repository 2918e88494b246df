"""The page in a browser: it loads, a slider changes the world, and what is seen changes."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metarl.config import files
from metarl.deploy.agent import Agent, Origin, Trained
from metarl.errors import UserError
from metarl.training.build import build_advantage_estimator, build_family, build_learner
from tests.metarl.deploy.play import chromium

pytest.importorskip("viser", reason="viser is not installed: pip install -e '.[viewer]'")
RIGHT_ARROW = 39


def agent_of(name: str) -> Agent:
    """An untrained policy of a config."""
    config = files.load(files.find(name), {"policy.hidden": [8], "train.num_threads": 1})
    family = build_family(config)
    learner = build_learner(config, family)
    theta = learner.init(torch.Generator().manual_seed(0))
    origin = Origin(name, "MAML", "half-cheetah", "", None, 0, "")
    return Agent(Trained(origin, learner, theta, family, build_advantage_estimator(config), 2))


@pytest.fixture(scope="module")
def viewer() -> Iterator[Any]:
    """A running one, in a thread of its own."""
    from metarl.deploy.play.session import Session
    from metarl.deploy.play.viewer import Viewer

    session = Session(agent_of("quickstart"), {"direction": 1.0, "slope_deg": 0.0}, "ood")
    made = Viewer(session, port=0)
    ended = threading.Event()

    def go() -> None:
        while not ended.is_set():
            made.run(0.6)  # longer than between two updates of words

    thread = threading.Thread(target=go)
    thread.start()
    yield made
    ended.set()
    thread.join()
    made.stop()


def until(condition: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float)


def test_it_listens_on_this_machine_alone_and_says_so(viewer: Any) -> None:
    assert viewer.url.startswith("http://127.0.0.1:")
    assert viewer.server.get_host() == "127.0.0.1"
    assert viewer.server.request_share_url() is None


def test_frames_are_made_while_the_session_goes_on(viewer: Any) -> None:
    before = viewer.session.total
    until(lambda: viewer.session.total != before)
    until(lambda: viewer.frames > 0)
    assert "return" in viewer.panel.status.content


def test_what_cannot_be_done_does_not_end_the_loop(viewer: Any) -> None:
    viewer.panel.later(lambda: viewer.session.push(1.0, 0.0))
    done = threading.Event()
    viewer.panel.later(done.set)
    assert done.wait(20)


def test_a_port_that_is_taken_is_refused_in_a_sentence(viewer: Any) -> None:
    from metarl.deploy.play.viewer import Viewer

    with pytest.raises(UserError, match=r"cannot be listened on .*: give another --port or --host"):
        Viewer(viewer.session, port=viewer.server.get_port())


def test_tasks_without_a_body_are_refused_in_a_sentence() -> None:
    from metarl.deploy.play.session import Session
    from metarl.deploy.play.viewer import Viewer

    with pytest.raises(UserError, match="has no body to show"):
        Viewer(Session(agent_of("maml_point"), {}), port=0)


def test_a_slider_in_the_browser_changes_the_world_and_the_picture(viewer: Any, tmp_path: Path) -> None:
    """The slope's slider is moved by the arrow key: from 0 by a hundredth of its range, -14 to 14, to the right."""
    pytest.importorskip("websockets")
    program = chromium.found()
    if program is None:
        pytest.skip("there is no Chromium")
    with chromium.page(program, tmp_path, viewer.url) as page:
        page.wait_for(
            "document.querySelectorAll('canvas').length > 0 && document.body.innerText.includes('slope, deg')"
        )
        time.sleep(3.0)  # the first frames
        first = page.screenshot()
        assert page.run("(document.querySelector('[role=slider][aria-valuemax=\"14\"]').focus(), true)")
        for _ in range(30):
            page.key("ArrowRight", RIGHT_ARROW)
        until(lambda: viewer.session.task["slope_deg"] > 5.0)
        tilt = viewer.session.worlds.sim.params("opt.gravity")[0]
        assert float(torch.atan2(-tilt[0], -tilt[2]).rad2deg()) == pytest.approx(viewer.session.task["slope_deg"])
        time.sleep(2.0)
        second = page.screenshot()
        assert not page.errors
    left = np.s_[100:, :800]  # the scene, without the panel
    changed = np.abs(pixels(first)[left] - pixels(second)[left]).max(-1) > 20
    assert changed.mean() > 0.05


def test_keys_command_a_robot_dog(tmp_path: Path) -> None:
    """Three presses of I, one of J: 0.3 m/s forwards and 0.1 rad/s to the left; space: stand."""
    pytest.importorskip("websockets")
    program = chromium.found()
    if program is None:
        pytest.skip("there is no Chromium")
    from metarl.deploy.play.session import Session
    from metarl.deploy.play.viewer import Viewer

    made = Viewer(Session(agent_of("joint_dog_flat"), {}), port=0)

    def commanded() -> list[float]:
        found: list[float] = made.session.worlds.carried.command[0].tolist()
        return found

    ended = threading.Event()
    thread = threading.Thread(target=lambda: [made.run(0.3) for _ in iter(ended.is_set, True)])
    thread.start()
    try:
        with chromium.page(program, tmp_path, made.url) as page:
            page.wait_for("document.body.innerText.includes('forwards, m/s')")
            for name in "iiij":
                page.key(name, ord(name.upper()), f"Key{name.upper()}")
            until(lambda: commanded() == pytest.approx([0.3, 0.0, 0.1]))
            page.key(" ", ord(" "), "Space")
            until(lambda: commanded() == [0.0, 0.0, 0.0])
            assert not page.errors
    finally:
        ended.set()
        thread.join()
        made.stop()
