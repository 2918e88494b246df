"""The shape of the house: three floors and their rooms, imports that go down only, no circle, small files.

Imports that stand inside functions, and those for type checkers alone, count too.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
FLOORS = ("envs", "agents", "metarl")  # lowest first
ROOMS = (  # of metarl, lowest first
    *("errors", "config", "distributed", "system", "runs", "training"),
    *("evaluation", "analysis", "reporting", "deploy", "benchmarks", "cli"),
)
RECORDS = {  # what agents take from envs: records, settings, random numbers, and nothing that simulates
    *("envs.core", "envs.rng", "envs.settings", "envs.task_settings", "envs.registry"),
}
MOST_LINES, MOST_IN_A_FUNCTION = 250, 50
FILES = sorted(p for floor in FLOORS for p in (HOME / floor).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(p): p for p in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that a file names in an import, its own packages as modules of theirs."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (inner & MODULES.keys()) or {node.module}
    return frozenset(names)


def room_of(module: str) -> str:
    return module.split(".")[1] if module.count(".") else module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOME)))
def test_floors_are_entered_from_above(path: Path) -> None:
    floor = FLOORS.index(path.relative_to(HOME).parts[0])
    above = {name for name in imported(path) if name.split(".")[0] in FLOORS[floor + 1 :]}
    assert not above


@pytest.mark.parametrize(
    "path", [p for m, p in MODULES.items() if m.startswith("metarl.")], ids=lambda p: str(p.relative_to(HOME))
)
def test_rooms_are_entered_from_above(path: Path) -> None:
    mine = room_of(module_of(path))
    if mine == "__main__":
        return
    above = ROOMS[ROOMS.index(mine) + 1 :]
    assert not {name for name in imported(path) if name.startswith("metarl.") and room_of(name) in above}


def test_every_room_is_known() -> None:
    rooms = {room_of(m) for m in MODULES if m.startswith("metarl.")}
    assert rooms - {"__main__"} == set(ROOMS)


def test_no_circle_of_files() -> None:
    graph = {m: {i for i in imported(p) if i in MODULES and i != m} for m, p in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_agents_take_only_records_and_random_numbers_from_envs() -> None:
    names = set().union(*(imported(p) for m, p in MODULES.items() if m.startswith("agents")))
    assert {n for n in names if n.startswith("envs")} <= RECORDS


def test_nothing_imports_pickle() -> None:
    names = set().union(*map(imported, FILES))
    assert not {"pickle", "dill", "cloudpickle", "joblib", "shelve"} & {n.split(".")[0] for n in names}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOME)))
def test_files_and_functions_are_small(path: Path) -> None:
    assert path.read_text().count("\n") <= MOST_LINES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < MOST_IN_A_FUNCTION, node.name


def test_nothing_asks_of_what_kind_settings_are() -> None:
    """Neither `isinstance(config.learner, ...)` nor `config.tasks.kind == ...`: settings answer for themselves."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "kind":
                owner = ast.unparse(node.left.value)
                assert not owner.endswith(("tasks", "learner", "outer")) or not _is_text(node), (
                    path,
                    ast.unparse(node),
                )
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and node.args:
                asked = ast.unparse(node.args[0])
                assert not asked.endswith((".tasks", ".learner", ".outer")), (path, ast.unparse(node))


def _is_text(node: ast.Compare) -> bool:
    """Whether something is compared with a name in quotes, or with several."""
    return any(isinstance(x, ast.Constant | ast.Tuple | ast.List | ast.Set) for x in node.comparators)
