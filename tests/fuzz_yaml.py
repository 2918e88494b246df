"""Hostile YAML in place of a config: one sentence within five seconds, or a config like any other.

    python -m tests.fuzz_yaml 2000 SEED [--command]

Shipped configs are damaged in their structure, tags, anchors, numbers, depth, keys and encoding, or replaced by what is
no plain file. With `--command` every file is given to `metarl train` too, which takes seconds each. Raises
AssertionError at the first that is neither refused in a sentence nor read.
"""

from __future__ import annotations

import collections
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from metarl.config import files
from metarl.errors import UserError

LIMIT = 5.0  # s
VALUES = (
    *("2001-13-45", "2001-01-01T25:61:61Z", '!!int ""', "!!bool abc", '!!float "x"', "!!timestamp x", "!!binary ==="),
    *("!!python/object/apply:os.system ['true']", "!x 1", "!<tag:x> 1", "!!set {a, b}", "!!omap [a: 1]", "! 1"),
    *("9" * 5000, "-" + "9" * 401, "1e999", "1" * 65, "0x" + "f" * 300, "0o777", "017", "1:30", "190:20:30", "yes"),
    *(".inf", "-.inf", ".nan", "1e308", "~", "null", "''", "*x", "&x", "&x [*x]", "<<", "=", "%", "@", "`", "\t", "|"),
    *(">-", "? a", "- - - 1", "{a: {b: [1, {c: 2}]}}", "{a, a}", "{a: 1, a: 2}", "[1, 2", "'", '"\\xZZ"', '"\\ud800"'),
    *("a: b: c", "--- 1", "...", "\u2028", "\u0085", "\ufeff", "é" * 300, "x" * 20_000, "[" * 30 + "]" * 30),
)  # fmt: skip
BYTES = (b"\0", b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x1b[31m", b"\r", b"\x85", b"\xf4\x90\x80\x80")


def changed_value(text: str, rng: random.Random) -> bytes:
    """Another value behind a key."""
    lines = text.splitlines()
    at = rng.choice([i for i, line in enumerate(lines) if ":" in line and not line.startswith("#")])
    lines[at] = f"{lines[at].split(':')[0]}: {rng.choice(VALUES)}"
    return "\n".join(lines).encode(errors="surrogatepass")


def changed_lines(text: str, rng: random.Random) -> bytes:
    """A line repeated, dropped, moved, indented, or a stranger's line."""
    lines = text.splitlines()
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines) + 1)
    line = lines[at]
    match rng.randrange(5):
        case 0:
            lines.insert(other, line)
        case 1:
            del lines[at]
        case 2:
            lines.insert(other, lines.pop(at))
        case 3:
            lines[at] = rng.choice((" ", "  ", "\t", "- ", "? ", ": ", "&x ", "*x ", "!!map ")) + line
        case _:
            lines.insert(other, rng.choice(VALUES))
    return "\n".join(lines).encode(errors="surrogatepass")


def changed_bytes(text: str, rng: random.Random) -> bytes:
    """Bytes put in, or characters swapped or cut."""
    content = text.encode()
    at = rng.randrange(len(content))
    wrong = rng.choice(BYTES) if rng.random() < 0.5 else bytes([rng.randrange(256)])
    return content[:at] + wrong * rng.choice((0, 1, 1, 5)) + content[at + rng.choice((0, 1, 1, 50)) :]


def encoded(text: str, rng: random.Random) -> bytes:
    """In another encoding, or with a mark of one."""
    how = rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "latin-1", "cp037"))
    return (text + "\n# äöü\n").encode(how, errors="replace")


def nested(text: str, rng: random.Random) -> bytes:
    """Thousands of levels."""
    depth = rng.choice((19, 21, 300, 3000, 100_000))
    opened, closed = rng.choice(
        (("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[\n", "]"), ("{", "}"), ("!x [", "]"))
    )
    deep = opened * depth + "1" + closed * rng.choice((0, depth))
    return rng.choice((deep, f"{text}\nextra: {deep}\n", text.replace("seed: 0", f"seed: {deep}"))).encode()


def multiplied(text: str, rng: random.Random) -> bytes:
    """Aliases of aliases, as a value or as a kind."""
    width, levels = rng.choice((2, 5, 10)), rng.choice((3, 9, 40))
    lists = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels + 1)]
    use = rng.choice(("x: *a{}", "learner: {{kind: *a{}}}", "policy: {{hidden: *a{}}}", "*a{} : 1")).format(levels)
    rest = rng.choice((text, "")).replace("learner:", "learner_:")
    return "\n".join(["a0: &a0 [1]", *lists, use, rest]).encode()


def large(text: str, rng: random.Random) -> bytes:
    """More than anybody writes."""
    many = rng.choice(("# x\n", "x", "\n", " ", "a: 1\n", "- 1\n", "'", "é", "&a ", "!", "--- 1\n", "{", "%", ", "))
    return text.encode() + b"\n" + many.encode() * rng.choice((1000, 60_000, 2_000_000))


DAMAGES: tuple[Callable[[str, random.Random], bytes], ...] = (
    *(changed_value, changed_value, changed_lines, changed_lines, changed_bytes, changed_bytes),
    *(encoded, nested, multiplied, large),
)


def put_no_file(path: Path, rng: random.Random) -> str:
    """Something else than a plain file."""
    match rng.randrange(7):
        case 0:
            os.mkfifo(path)
            return "pipe"
        case 1:
            path.mkdir()
            return "folder"
        case 2:
            path.symlink_to(path)
            return "circular link"
        case 3:
            path.symlink_to("/nowhere")
            return "dangling link"
        case 4:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
            return "socket"
        case 5:
            path.symlink_to(rng.choice(("/proc/self/mem", "/proc/kmsg", "/proc/self/environ")))
            return "special file"
        case _:
            path.symlink_to(rng.choice(("/dev/zero", "/dev/null", "/dev/urandom", "/dev/tty", "/dev/stdin")))
            return "device"


def put(path: Path, rng: random.Random) -> str:
    """Write one hostile config; what kind it is."""
    if rng.random() < 0.1:
        return put_no_file(path, rng)
    damage = rng.choice(DAMAGES)
    path.write_bytes(damage(files.find(rng.choice(files.names())).read_text(), rng))
    return damage.__name__


def outcome(path: Path) -> str:
    """`refused` in one sentence, or `read`."""
    start = time.monotonic()
    try:
        files.load(path)
        said = ""
    except UserError as error:
        said = str(error)
        assert path.name in said, said
        check_sentence(said)
    assert time.monotonic() - start < LIMIT, f"{time.monotonic() - start:.1f} s"
    return "refused" if said else "read"


def check_sentence(said: str) -> None:
    assert 10 < len(said) < 1000, said
    assert said.isprintable(), said


def check_command(path: Path) -> None:
    """`metarl train` refuses it too, in one sentence and with exit code 2."""
    words = [sys.executable, "-m", "metarl", "train", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done.stderr[-2000:]
    said = done.stderr.rstrip("\n").removeprefix("error: ")
    check_sentence(said)


def main(count: int, seed: int = 0, command: bool = False) -> collections.Counter[str]:
    """Try so many; how many of which kind had which outcome."""
    rng, seen = random.Random(seed), collections.Counter[str]()
    for i in range(count):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hostile.yaml"
            kind = put(path, rng)
            try:
                found = outcome(path)
                if command and found == "refused":
                    check_command(path)
            except BaseException:
                print(f"number {i} of seed {seed}, {kind}: {'' if path.is_symlink() else path.read_bytes()[:2000]!r}")
                raise
        seen[f"{kind} {found}"] += 1
    return seen


if __name__ == "__main__":
    found = main(int(sys.argv[1]), seed=int(sys.argv[2]), command="--command" in sys.argv)
    for what, number in sorted(found.items()):
        print(f"{what}: {number}")
