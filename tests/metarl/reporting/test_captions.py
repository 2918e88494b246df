"""Captions: no two texts meet, none leaves the frame, whatever their length; numbers are said in words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from envs.locomotion.words import describe, phrase
from metarl.reporting.video.captions import Captions, Texts, _font
from metarl.reporting.video.telemetry import clock

LONG = "after 1000000 episodes of a learner with a very long name that nobody would have given it"
SAMPLES = {
    "short": Texts("maml", "forwards", "0.0 s, 1x", ("return 0", "x 0.0 m", "0.0 m/s")),
    "long title": Texts(LONG, "forwards", "1000.0 s, 0.25x", ("return -123456", "123.4 m to go", "failed at 10.0 s")),
    "one long word": Texts("x" * 200, "y" * 300, "10.0 s, 0.05x", ("return -1", "x -100.0 m", "-12.3 m/s")),
    "long task": Texts("a", f"{LONG}, " * 5, "1.0 s, 1x", ("return 1", "x 1.0 m", "1.0 m/s")),
    "empty": Texts("", "", "0.0 s, 1x", ("", "", "")),
}


@pytest.mark.parametrize("width", [160, 200, 320, 400, 640])
@pytest.mark.parametrize("name", SAMPLES)
def test_texts_neither_meet_nor_leave_the_frame(name: str, width: int) -> None:
    captions = Captions(list(SAMPLES.values()), width)
    boxes = []
    draw = ImageDraw.Draw(Image.new("RGB", (width, captions.height)))
    for place, text, _, size in captions.placed(SAMPLES[name]):
        if text:
            boxes.append(draw.textbbox(place, text, font=_font(size)))
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= captions.height
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("width", [160, 320, 400, 640])
def test_captions_beside_each_other_are_equally_high_and_even(width: int) -> None:
    captions = Captions(list(SAMPLES.values()), width)
    frames = [captions.draw(texts) for texts in SAMPLES.values()]
    assert {frame.shape for frame in frames} == {(captions.height, width, 3)}
    assert captions.height % 2 == 0
    assert not np.array_equal(frames[0], frames[1])


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("direction", 1.0, "forwards"),
        ("direction", -1.0, "backwards"),
        ("velocity", 1.234, "target 1.23 m/s"),
        ("slope_deg", 12.0, "slope 12 degrees"),
        ("difficulty", 0.3, "difficulty 0.3"),
        ("slope_deg", -0.0, "slope 0 degrees"),
        ("slope_deg", -4.5, "slope -4.5 degrees"),
        ("slope_heading_deg", 90.0, "rising towards 90 degrees"),
        ("heading_deg", 256.4, "heading 256 degrees"),
        ("goal_distance", 2.5, "goal 2.5 m away"),
        ("stairs_up", 0.5, "stairs up of difficulty 0.5"),
        ("mass", 1.4, "mass times 1.4"),
        ("mass:torso", 0.5, "mass of torso times 0.5"),
        ("crippled_leg", 2.0, "leg 2 disabled"),
        ("crippled_leg", -1.0, "no leg disabled"),
        ("payload_x", -0.1, "load 0.1 m behind"),
        ("delay", 0.04, "delay 0.04 s"),
        ("wind_deg", 30.0, "wind 30 degrees"),
        ("hop_height", 0.3, "hop height 0.3"),
    ],
)
def test_a_number_of_a_task_is_said_with_its_unit(name: str, value: float, text: str) -> None:
    assert phrase(name, value) == text


def test_every_variable_of_ours_is_said_without_underscores() -> None:
    from envs.variations.registry import VARIATIONS

    for name in VARIATIONS.items():
        assert "_" not in phrase(name, 0.5)
        assert "deg " not in phrase(name, 0.5) + " "


def test_what_does_not_fit_into_a_caption_is_counted() -> None:
    task = dict.fromkeys(("direction", "mass", "damping", "friction", "motor", "payload"), 1.0)
    assert describe(task, tuple(task)) == ("forwards, mass times 1, damping times 1, friction times 1 and 2 more")


def test_the_clock_says_time_and_speed_of_playback() -> None:
    assert clock(2.4, 0.5) == "2.4 s, 0.5x"
    assert clock(0.0, 1.0) == "0.0 s, 1x"
