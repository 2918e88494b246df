"""The files of a shared run: which there may be, and that they are what its list says. Nothing in them is run.

metarl.json         the size and the SHA-256 of every file below
README.md           the card
config.yaml, command.txt, environment.json
checkpoints/iteration_<n>/...    one checkpoint, without the optimiser
clip.mp4            where there is one
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from metarl.errors import UserError
from metarl.runs import stored
from metarl.system.strict_json import parse_json

LIST = "metarl.json"
CARD, CLIP = "README.md", "clip.mp4"
CHECKPOINT = r"checkpoints/iteration_[0-9]{7,11}/(manifest\.json|state\.json|(theta|outer|random)\.safetensors)"
PART = re.compile(rf"config\.yaml|command\.txt|environment\.json|README\.md|clip\.mp4|{CHECKPOINT}", re.ASCII)
BESIDE = re.compile(
    r"\.gitattributes|\.gitignore|LICENSE|[\w-]+\.(md|png|jpg|gif|mp4)", re.ASCII
)  # neither read nor run
MAX_BYTES = 2**31  # of all files together; chosen: a replay is not shared
MAX_FILES = 20  # chosen


def listed(files: Mapping[str, bytes]) -> bytes:
    """The list of some files."""
    sums = {name: {"sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for name, c in sorted(files.items())}
    return json.dumps({"files": sums}, indent=1).encode()


def read_list(content: bytes, whose: str) -> dict[str, stored.FileSum]:
    """What a list says. Raises UserError, in one sentence, for one that names other files than those of a run."""
    try:
        found = parse_json(content)
        entries = found["files"] if isinstance(found, dict) else None
        if not isinstance(entries, dict) or not entries or len(entries) > MAX_FILES:
            raise ValueError(f"it lists no files, or more than {MAX_FILES}")
        if strange := [name for name in entries if not PART.fullmatch(name)]:
            raise ValueError(f"it lists {strange[0][:100]!r}, which is no part of a run")
        sums = {name: stored.checked(stored.FileSum, entry) for name, entry in entries.items()}
        if sum(entry.size for entry in sums.values()) > MAX_BYTES:
            raise ValueError(f"its files have more than {MAX_BYTES} bytes")
        if "config.yaml" not in sums or not any(name.startswith("checkpoints/") for name in sums):
            raise ValueError("it lists no config.yaml, or no checkpoint")
    except (ValueError, KeyError, RecursionError) as error:
        raise UserError(f"{whose} is not trusted: {LIST}: {' '.join(str(error).split())}") from None
    return sums


def check_names(names: Iterable[str], sums: Mapping[str, stored.FileSum], whose: str) -> None:
    """Raise UserError where a folder holds what is neither listed nor a text or a picture, or lacks what is listed."""
    there = set(names)
    strange = sorted(n for n in there - set(sums) - {LIST} if not BESIDE.fullmatch(n))
    if strange:
        raise UserError(
            f"{whose} is not trusted: it holds {strange[0][:100]!r}, which is no part of a run; runs are data in "
            "safetensors, JSON and YAML"
        )
    if missing := sorted(set(sums) - there):
        raise UserError(f"{whose} lacks {missing[0]}, which its {LIST} lists: it has to be shared again")


def check_content(name: str, content: bytes, claimed: stored.FileSum, whose: str) -> None:
    """Raise UserError where a file is not the listed one."""
    if len(content) != claimed.size or hashlib.sha256(content).hexdigest() != claimed.sha256:
        raise UserError(f"{whose} is not trusted: {name} does not match its checksum in {LIST}")
