"""Pages that are made from the code when the documentation is built: tasks, settings, commands, API.

python docs/generate.py FOLDER
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

from settings_reference import plain, settings_reference

FLOORS = ("envs", "agents", "metarl")


def write(folder: Path) -> None:
    """Write every page; one whose text has not changed is left alone, so that Sphinx need not read it again."""
    pages = {"tasks.md": task_catalogue(), "configuration.md": settings_reference(), "commands.md": command_reference()}
    pages |= {f"api/{name}.rst": text for name, text in api_pages().items()}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
    for path in (folder / "api").glob("*.rst"):
        if f"api/{path.name}" not in pages:
            path.unlink()


# --- tasks ------------------------------------------------------------------------------------------------------------


def task_catalogue() -> str:
    """Every distribution, robot and variable, from the registries."""
    tasks = listing("tasks")
    own = {name: text for name, text in tasks.items() if not name[0].islower()}
    classic = {name: text for name, text in tasks.items() if name[0].islower()}
    parts = [
        "# Task catalogue",
        "This page is generated from the registries. `metarl list tasks`, `metarl list robots` and "
        "`metarl list variables` print the same.",
        "Use a distribution by its name in a config (`tasks: {kind: named, name: pearl-ant-goal}`), in a study "
        "(`metarl study ... --tasks AntVelocity`), or as a Gymnasium environment (`metarl/<name>-v0`).",
        "## Robots",
        table(("robot", "description"), listing("robots")),
        "## Variables",
        "What may differ between tasks. Set any of them under `tasks.vary` of a config.",
        table(("variable", "description"), listing("variables")),
        "## Distributions of each robot",
        "The name is that of the robot and of what varies. `ood` ranges lie outside the training ranges.",
        table(("name", "robot and what varies"), own),
        "## Classic distributions",
        "Published task distributions. Each keeps the published model, control step, observation, reward, ranges, "
        "horizon, termination and reset noise; `H` is the horizon in control steps. Differences from the original "
        "codes are listed in the modules of `envs/classic/`.",
        table(("name", "description"), classic),
    ]
    return "\n\n".join(parts) + "\n"


def listing(what: str) -> dict[str, str]:
    """What `metarl list WHAT --json` prints."""
    from metarl.cli.app import main

    out = io.StringIO()
    with redirect_stdout(out), suppress(SystemExit):
        main(["list", what, "--json"])
    found: dict[str, str] = json.loads(out.getvalue())
    return found


def table(head: tuple[str, ...], rows: dict[str, str]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    lines += [f"| `{name}` | {plain(text)} |" for name, text in rows.items()]
    return "\n".join(lines)


# --- commands ---------------------------------------------------------------------------------------------------------


def command_reference() -> str:
    """The help of every command."""
    from metarl.cli.app import COMMANDS

    parts = [
        "# Command line",
        "This page is generated from the command line itself. Exit codes: 0 done; 1 a check failed (`doctor`); 2 a "
        "mistake of the user, said in one sentence; 3 training diverged; 4 stopped and saved; 130 interrupted with "
        "nothing to save.",
    ]
    for name in COMMANDS:
        parts += [f"## metarl {name}", f"```text\n{_help(name).rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _help(command: str) -> str:
    from metarl.cli.app import main

    out = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with redirect_stdout(out), suppress(SystemExit):
            main([command, "--help"])
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


# --- API --------------------------------------------------------------------------------------------------------------


def api_pages() -> dict[str, str]:
    """One page for each package, with its modules, and an index of them."""
    pages = {}
    for floor in FLOORS:
        path = importlib.import_module(floor).__path__
        found = [info for info in pkgutil.walk_packages(path, f"{floor}.") if not info.name.endswith("__main__")]
        for package in (floor, *(info.name for info in found if info.ispkg)):
            own = [info.name for info in found if not info.ispkg and info.name.rpartition(".")[0] == package]
            pages[package] = _api_page(package, own)
    pages["index"] = _api_index(list(pages))
    return pages


def _api_page(package: str, modules: list[str]) -> str:
    parts = [_title(package, "="), f".. automodule:: {package}"]
    for module in modules:
        parts += [_title(module, "-"), f".. automodule:: {module}"]
    return "\n\n".join(parts) + "\n"


def _api_index(pages: list[str]) -> str:
    entries = "\n".join(f"   {name}" for name in pages)
    text = "Made from the docstrings. One page a package; imports go down only: metarl, agents, envs."
    return f"{_title('API', '=')}\n\n{text}\n\n.. toctree::\n   :maxdepth: 1\n\n{entries}\n"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
