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
from typing import Any

import yaml
from pydantic import BaseModel

MEANINGS = Path(__file__).resolve().parent / "settings.yaml"
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
    lines += [f"| `{name}` | {_plain(text)} |" for name, text in rows.items()]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return text.replace("|", r"\|").replace("<", r"\<").replace("*", r"\*")


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_reference() -> str:
    """Every key of a config: type, default, meaning."""
    parts = [
        "# Configuration reference",
        "This page is generated from the settings classes. A config is one YAML file with the sections below. "
        "Unknown keys are errors. On the command line, `--section.key VALUE` overrides a key, for example "
        "`--learner.inner_lr 0.2`. The sections `tasks`, `learner` and `outer` have a `kind`, which decides which "
        "other keys there are.",
        "## seed",
        _key_table("seed", {"seed": {"type": "integer", "default": 0, "minimum": 0}}, ()),
    ]
    for section, kinds in section_classes().items():
        parts.append(f"## {section}")
        for kind, model in kinds.items():
            if kind:
                parts.append(f"### {section}.kind: {kind}")
                parts.append(_plain(_summary(model)))
            parts.append(_model_table(section, kind, model))
    return "\n\n".join(parts) + "\n"


def section_classes() -> dict[str, dict[str, type[BaseModel]]]:
    """Section -> kind (empty where there are no kinds) -> class."""
    from metarl.config.experiment import SECTIONS, Config

    plain = {
        name: {"": field.annotation}
        for name, field in Config.model_fields.items()
        if name not in SECTIONS and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    found: dict[str, Any] = {name: registry.items() for name, registry in SECTIONS.items()} | plain
    return {name: found[name] for name in Config.model_fields if name in found}


def keys() -> dict[str, list[str]]:
    """Every key, as `section.kind.key`, with the names under which `settings.yaml` may explain it."""
    out: dict[str, list[str]] = {"seed": ["seed"]}
    for section, kinds in section_classes().items():
        for kind, model in kinds.items():
            for key in _schema(model)["properties"]:
                if key != "kind":
                    path = ".".join(filter(None, (section, kind, key)))
                    out[path] = [path, f"{section}.{key}"]
                    nested = _nested(_schema(model), key)
                    out |= {f"{path}.{sub}": [f"{path}.{sub}", f"{section}.{key}.{sub}"] for sub in nested}
    return out


def meanings() -> dict[str, str]:
    """What keys mean, in words: docs/settings.yaml."""
    found: dict[str, str] = yaml.safe_load(MEANINGS.read_text())
    return found


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _model_table(section: str, kind: str, model: type[BaseModel]) -> str:
    schema = _schema(model)
    properties = {key: value for key, value in schema["properties"].items() if key != "kind"}
    if not properties:
        return "No settings of its own."
    prefix = f"{section}.{kind}" if kind else section
    parts = [_key_table(prefix, properties, schema.get("required", ()))]
    for key in properties:
        if nested := _nested(schema, key):
            parts += [f"Keys of `{key}`:", _key_table(f"{prefix}.{key}", nested, (), f"{section}.{key}")]
    return "\n\n".join(parts)


def _nested(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """The keys of a mapping that is the value of a key, or of each name in it; none for other values."""
    value = schema["properties"][key]
    for part in (value, value.get("additionalProperties") or {}, *value.get("anyOf", ())):
        if isinstance(part, dict) and "$ref" in part:
            found: dict[str, Any] = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]["properties"]
            return found
    return {}


def _key_table(prefix: str, properties: dict[str, Any], required: Any, general: str = "") -> str:
    """general: under which prefix `settings.yaml` may explain the keys too; by default the section's."""
    words = meanings()
    general = general or prefix.split(".")[0]
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key, schema in properties.items():
        path = key if prefix == key else f"{prefix}.{key}"
        meaning = words.get(path) or words.get(f"{general}.{key}")
        if meaning is None:
            raise KeyError(f"docs/settings.yaml does not explain {path}")
        default = "required" if key in required else f"`{_default(schema.get('default'))}`"
        lines.append(f"| `{key}` | {_type(schema)} | {default} | {_cell(meaning)} |")
    return "\n".join(lines)


def _cell(meaning: str) -> str:
    return " ".join(meaning.split()).replace("|", r"\|")


def _default(value: Any) -> str:
    return "null" if value is None else json.dumps(value)


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return "mapping"
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if kind == "array":
        items = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        return f"list of {_type(items)}s" if "type" in items and items["type"] != "array" else "list of ranges"
    if kind == "object":
        return f"mapping of names to {_type(schema.get('additionalProperties') or {})}s"
    return f"{kind}{_limits(schema)}"


def _limits(schema: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {_number(schema[name])}" for name, sign in signs.items() if name in schema]
    return f" {', '.join(found)}" if found else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


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
