"""The pages that are made from the code."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from envs.legged.defaults import WEIGHTS
from envs.legged.rewards import TERMS
from metarl.config import files

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
sys.path.insert(0, str(DOCS))  # its files import each other
GENERATE: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))
SETTINGS: dict[str, Any] = runpy.run_path(str(DOCS / "settings_reference.py"))
DOCSTRINGS: dict[str, Any] = runpy.run_path(str(DOCS / "docstrings.py"))


def test_every_setting_is_explained_and_every_explanation_is_of_a_setting() -> None:
    words, keys = SETTINGS["meanings"](), SETTINGS["keys"]()
    assert [path for path, names in keys.items() if not any(name in words for name in names)] == []
    assert sorted(set(words) - {name for names in keys.values() for name in names}) == []


def test_the_reference_has_every_key_of_every_shipped_config() -> None:
    text = SETTINGS["settings_reference"]()
    for name in files.names():
        for section, settings in files.read_yaml(files.find(name)).items():
            for key in settings if isinstance(settings, dict) else [section]:
                assert key == "kind" or f"| `{key}` |" in text


def test_the_reference_states_type_and_default() -> None:
    text = SETTINGS["settings_reference"]()
    assert "| `gamma` | number ≥ 0, ≤ 1 | `0.99` |" in text
    assert "| `iterations` | integer ≥ 1, ≤ 1,000,000 | required |" in text
    assert '| `spacing` | `uniform` or `log` or `area` | `"uniform"` |' in text


def test_the_task_catalogue_has_every_distribution() -> None:
    from envs import named

    text = GENERATE["task_catalogue"]()
    assert [name for name in named.describe() if f"| `{name}` |" not in text] == []


def test_the_command_reference_has_every_command() -> None:
    from metarl.cli.app import COMMANDS

    titles = re.findall(r"^## metarl (\w+)$", GENERATE["command_reference"](), flags=re.M)
    assert titles == list(COMMANDS)


def test_every_package_has_an_api_page() -> None:
    pages = GENERATE["api_pages"]()
    assert {"envs", "agents", "metarl", "agents.metric", "metarl.training"} < set(pages)
    assert ".. automodule:: agents.metric.prototypical" in pages["agents.metric"]


@pytest.mark.parametrize(
    ("plain", "rst"),
    [
        (["Weight of |a|^2 in `x_`."], [r"Weight of \|a\|^2 in ``x_``.", ""]),
        (["First.", "", "    a = b"], ["First.", "", "::", "", "    a = b", ""]),
        (["First.", "", "size: of it.", "    and more"], ["First.", "", "", "- **size**: of it.", "  and more", ""]),
    ],
    ids=["marks are escaped", "indented blocks stay as they are", "arguments become a list"],
)
def test_a_plain_docstring_becomes_restructured_text(plain: list[str], rst: list[str]) -> None:
    lines = list(plain)
    DOCSTRINGS["to_rst"](None, "function", "f", None, None, lines)
    assert lines == rst


def test_every_learner_has_a_page() -> None:
    from agents.registry import LEARNERS

    text = "\n".join(path.read_text() for path in (DOCS / "learners").glob("*.md"))
    assert [
        name for name in LEARNERS.names() if f"`learner.kind: {name}`" not in text and f"`{name}`" not in text
    ] == []


def test_the_citation_has_the_version_of_the_package() -> None:
    from metarl import __version__

    assert f"version: {__version__}\n" in (DOCS.parent / "CITATION.cff").read_text()


def test_the_dogs_page_has_every_reward_term_as_the_code_has_it() -> None:
    page = (DOCS / "how-to" / "robot-dog.md").read_text()
    for name, term in TERMS.items():
        meaning = " ".join((term.__doc__ or "").split()).replace("|", r"\|")
        assert f"| `{name}` | {WEIGHTS[name]:g} | {meaning} |" in page, name
