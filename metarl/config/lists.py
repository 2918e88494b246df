"""Lists on the command line: `--policy.hidden 32 32` stands for `--policy.hidden [32, 32]`."""

from __future__ import annotations

from collections.abc import Sequence

from metarl.errors import UserError


def joined_lists(words: Sequence[str]) -> list[str]:
    """The same command line with several numbers after a setting as one word. Raises UserError where none follows."""
    joined: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        joined.append(word)
        if not word.startswith("--") or "." not in word or "=" in word:
            continue
        if position == len(words) or words[position].startswith("--"):
            raise UserError(f"{word} needs a value")
        numbers = _numbers_from(words, position)
        joined.append(f"[{', '.join(numbers)}]" if len(numbers) > 1 else words[position])
        position += max(len(numbers), 1)
    return joined


def _numbers_from(words: Sequence[str], position: int) -> list[str]:
    """The numbers that follow each other from there on."""
    found: list[str] = []
    for word in words[position:]:
        try:
            float(word)
        except ValueError:
            break
        found.append(word)
    return found
