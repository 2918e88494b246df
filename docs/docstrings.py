"""Turn the plain docstrings of this project into reStructuredText, for sphinx.ext.autodoc.

Docstrings here are prose for people: `code` in single backticks, indented blocks shown as they are, and lines
`name: what it is` for arguments and settings. Nothing else has a meaning, so everything else is escaped.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Any

ARGUMENT = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*): (?=\S)")
CODE = re.compile(r"`+([^`]+)`+")
MARKUP = re.compile(r"([\\*|_])")


def to_rst(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Rewrite `lines` in place (autodoc-process-docstring); records get their fields, with the shapes beside them."""
    paragraphs = [_paragraph(block, i) for i, block in enumerate(_blocks(lines))]
    if what == "class" and (fields := _fields(item)):
        paragraphs.append(["::", "", *(f"    {line}" for line in fields)])
    lines[:] = [line for paragraph in paragraphs for line in (*paragraph, "")]


def skip(app: Any, what: str, name: str, item: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what pydantic and NamedTuple add, and what a record's own block shows (autodoc-skip-member)."""
    if name.startswith(("model_", "_")):
        return True
    if type(item).__name__ in ("_tuplegetter", "ModelPrivateAttr", "FieldInfo"):
        return True
    return None


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines that are not empty."""
    for is_empty, group in groupby((line.rstrip() for line in lines), key=lambda line: not line):
        if not is_empty:
            yield list(group)


def _paragraph(block: list[str], index: int) -> list[str]:
    if block[0][:1].isspace():
        return ["::", "", *(f"    {line}" for line in textwrap.dedent("\n".join(block)).split("\n"))]
    block = [line.strip() for line in block]
    if index and any(ARGUMENT.match(line) for line in block):
        return _arguments(block)
    return [_escape(line) for line in block]


def _arguments(block: list[str]) -> list[str]:
    """A list item for each `name: text`; other lines go on with what came before them."""
    out: list[str] = []
    for line in block:
        if found := ARGUMENT.match(line):
            out += ["", f"- **{found[1]}**: {_escape(line[found.end() :])}"]
        else:
            out.append(f"  {_escape(line)}" if out and out[-1] != "" else _escape(line))
    return out


def _escape(text: str) -> str:
    """Prose without a meaning for docutils, but for `code`."""
    parts: list[str] = []
    end = 0
    for found in CODE.finditer(text):
        parts += [MARKUP.sub(r"\\\1", text[end : found.start()]), _code(text, found)]
        end = found.end()
    return "".join(parts) + MARKUP.sub(r"\\\1", text[end:]).replace("`", r"\`")


def _code(text: str, found: re.Match[str]) -> str:
    before = "\\ " if found.start() and (text[found.start() - 1].isalnum()) else ""
    after = "\\ " if text[found.end() : found.end() + 1].isalnum() else ""
    return f"{before}``{found[1].strip()}``{after}"


def _fields(item: Any) -> list[str]:
    """The annotated fields of a record, as in its source, with their comments."""
    if not (inspect.isclass(item) and (issubclass(item, tuple) or hasattr(item, "model_fields"))):
        return []
    try:
        source = textwrap.dedent(inspect.getsource(item))
    except (OSError, TypeError):
        return []
    lines = source.splitlines()
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    fields = [node for node in tree.body if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node)]
    return [line[4:] for node in fields for line in lines[node.lineno - 1 : node.end_lineno]]
