"""One palette: the same learner looks the same everywhere, to every kind of colour vision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.registry import LEARNERS
from metarl.config.experiment import Config
from metarl.evaluation import fine_tuning
from metarl.evaluation.adaptation import display_name
from metarl.reporting.plots.labels import axis_label, group_label
from metarl.reporting.plots.palette import COLORS, CYCLE, known_looks, look_of, shown, styles_of

LEAST_DISTANCE = 15  # CIE 1976; 2.3 is just noticeable
VISIONS = {  # Machado et al. 2009, severity 1, on linear RGB
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(color: str, vision: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of a colour as seen."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
def test_colors_are_told_apart(vision: str) -> None:
    seen = {name: lab(COLORS[name], np.array(VISIONS[vision])) for name in CYCLE}
    for one, other in combinations(CYCLE, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > LEAST_DISTANCE, (one, other)


def test_every_learner_has_a_usual_name_and_a_look_of_its_own() -> None:
    """One place to add: its settings."""
    looks = [set(settings.names.values()) for settings in LEARNERS.items().values()]
    assert all(looks)
    assert all(look.color in COLORS for own in looks for look in own)
    pairs = [(look.color, look.marker) for own in looks for look in own]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    ("config", "overrides", "name"),
    [
        ("maml_robot", {}, "Meta-SGD"),
        ("maml_point", {"learner.learn_inner_lr": False}, "MAML"),
        ("fomaml_robot", {}, "FOMAML"),
        ("anil_robot", {}, "ANIL"),
        ("cavia_robot", {}, "CAVIA"),
        ("gru_robot", {}, "RL^2 (GRU)"),
        ("gru_episode_robot", {}, "RL^2 (GRU), reset each episode"),
        ("hypernetwork_robot", {}, "RL^2 hypernetwork"),
        ("splagger_robot", {}, "SplAgger"),
        ("lstm_omniglot", {}, "LSTM"),
        ("prototypical_omniglot", {}, "ProtoNet"),
        ("joint_robot", {}, "joint training"),
    ],
)
def test_learners_have_their_usual_names(
    config: str, overrides: dict[str, object], name: str, small: Callable[..., Config]
) -> None:
    found = display_name(small(config, **overrides))
    assert found == name
    assert any(found.startswith(known) for known in known_looks())


def test_former_names_of_baselines_are_known() -> None:
    """A stored evaluation of version 0.11 is one of the same fine-tuning."""
    found = [fine_tuning.start_of(n) for n in ("joint, fine-tuned", *fine_tuning.DISPLAY_NAMES.values(), "gru")]
    assert found == ["trained", "trained", "scratch", None]


def test_a_learner_looks_the_same_beside_any_others() -> None:
    alone, among = styles_of(["CAVIA"])[0], styles_of(["MAML", "FOMAML", "ANIL", "CAVIA", "oracle"])[3]
    assert alone == among
    wide, narrow = styles_of(["MAML (wide)", "MAML (narrow)"])
    assert wide.color == narrow.color == styles_of(["MAML"])[0].color
    assert wide.line != narrow.line


def test_a_plugin_has_a_look_that_depends_on_its_name_alone() -> None:
    assert look_of("shift") == look_of("shift")
    assert (look_of("shift").color, look_of("shift").marker) == (
        "vermilion",
        "<",
    )  # crc32 of the name, never of a process
    assert styles_of(["MAML", "shift"])[1] == styles_of(["shift"])[0]


def test_names_of_numbers_have_units() -> None:
    assert axis_label("slope_deg") == "slope (deg)"
    assert axis_label("velocity") == "velocity (m/s)"
    assert axis_label("mass:torso") == "mass, torso (x stock)"
    assert axis_label("of_another_package") == "of another package"
    assert group_label("slope_deg 8..14") == "slope 8 to 14 deg"
    assert group_label("direction +1") == "direction +1"


def test_a_dollar_sign_is_no_formula() -> None:
    assert shown("RL^2 (GRU) $x$") == "RL\N{SUPERSCRIPT TWO} (GRU) \\$x\\$"
