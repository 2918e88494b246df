"""The `metarl` commands that README and the documentation show: in blocks, and in running text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
HOME = DOCS.parent


class Command(NamedTuple):
    """One command of the documentation, as it stands there."""

    place: str  # file and line
    words: list[str]
    is_inline: bool

    @property
    def text(self) -> str:
        return shlex.join(self.words)

    @property
    def verb(self) -> str:
        return self.metarl[0] if self.metarl else ""

    @property
    def metarl(self) -> list[str]:
        """The words after `metarl`."""
        return self.words[self.words.index("metarl") + 1 :]

    @property
    def is_launched(self) -> bool:
        return self.words[0] == "torchrun"


def pages() -> list[Path]:
    own = [p for p in sorted(DOCS.rglob("*.md")) if "_generated" not in p.parts]
    return [HOME / "README.md", HOME / "CONTRIBUTING.md", *own]


def commands() -> list[Command]:
    """Every command of every page; one that stands in several places is taken once."""
    found: dict[str, Command] = {}
    for page in pages():
        for command in (*in_blocks(page), *in_text(page)):
            found.setdefault(command.text, command)
    return list(found.values())


def in_blocks(page: Path) -> Iterator[Command]:
    """Lines of indented and fenced blocks; a backslash goes on in the next line, and `#` begins a comment."""
    waiting = ""
    is_fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            text = waiting + line.strip()
            waiting = text[:-1] if text.endswith("\\") else ""
            if not waiting and re.match(r"(metarl|torchrun|python -m metarl) ", text):
                yield Command(_place(page, number), shlex.split(text, comments=True), False)


def in_text(page: Path) -> Iterator[Command]:
    """`metarl VERB ...` in running text, without those that leave something out (`<name>`, `...`, NAME, `a | b`), and
    without verbs alone, which stand for a command and not for a use of it.
    """
    text = re.sub(r"```.*?```", lambda m: "\n" * m[0].count("\n"), page.read_text(), flags=re.S)
    for found in re.finditer(r"`((?:metarl|torchrun|python -m metarl) [^`]+)`", text):
        words = shlex.split(found[1])
        if len(words) > 2 and not re.search(r"[<|]|\.\.\.|\b[A-Z]{3,}\b(?!=)", found[1]):
            yield Command(_place(page, text.count("\n", 0, found.start()) + 1), words, True)


def _place(page: Path, number: int) -> str:
    return f"{page.relative_to(HOME) if page.is_relative_to(HOME) else page.name}:{number}"
