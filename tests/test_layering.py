"""The three floors: imports go down only."""

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
FORBIDDEN = {"envs": {"agents", "metarl"}, "agents": {"metarl"}, "metarl": set()}
FILES = [p for floor in FORBIDDEN for p in (HOME / floor).rglob("*.py")]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOME)))
def test_imports_go_down_only(path: Path) -> None:
    floor = path.relative_to(HOME).parts[0]
    tops = {name.split(".")[0] for name in imported(path)}
    assert not tops & FORBIDDEN[floor]


def test_agents_take_only_records_and_luck_from_envs() -> None:
    names = set().union(*(imported(p) for p in (HOME / "agents").rglob("*.py")))
    assert {n for n in names if n.startswith("envs")} <= {"envs.core", "envs.rng"}


def test_nothing_imports_pickle() -> None:
    names = set().union(*(imported(p) for p in FILES))
    assert not {"pickle", "dill", "cloudpickle", "joblib", "shelve"} & {n.split(".")[0] for n in names}
