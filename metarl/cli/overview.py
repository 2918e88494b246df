"""What `metarl` answers without a command: what there is, its version, and completion for a shell."""

from __future__ import annotations

import shutil
import textwrap
from typing import Annotated, Any, Union

import tyro
from tyro.conf import subcommand

from envs.registry import first_line
from metarl import __version__
from metarl.errors import UserError, nearest

DESCRIPTION = "Train policies that adapt, measure how well they do on tasks never seen, and film them."
OPTIONS = {
    "--help": "what there is; after a command, its options and examples; after metarl train CONFIG, every setting too",
    "--plugin MODULE": "after any command, once for each module: learners, tasks, robots and variations of your own",
    "--version": "which version this is",
    "--completion SHELL": "a script that lets bash, fish or zsh complete commands and options",
}
SHELLS = ("bash", "fish", "zsh")


def answer(words: list[str], commands: dict[str, type]) -> int:
    """Print what is asked for by options alone; the exit code. Raises UserError for other options."""
    match words:
        case ["--version"]:
            print(f"metarl {__version__}")
        case ["-h" | "--help", *_]:
            print(text(commands))
        case []:
            print(text(commands))
            return UserError.exit_code
        case ["--completion", shell] if shell in SHELLS:
            _print_completion(shell, commands)
        case ["--completion", *shells]:
            got = f"is {' '.join(shells)!r}, expected one of" if shells else "needs one of"
            raise UserError(f"--completion {got} {', '.join(SHELLS)}")
        case [option, *_]:
            known = [name.split(" ")[0] for name in OPTIONS]
            raise UserError(f"metarl has no option {option} before a command; {nearest(option, known)}")
    return 0


def text(commands: dict[str, type]) -> str:
    """Every command in a line or two."""
    lines = [f"usage: metarl COMMAND [options]\n\n{DESCRIPTION}\n\ncommands"]
    lines += [_entry(name, first_line(command), 12) for name, command in commands.items()]
    lines.append("\noptions")
    lines += [_entry(name, meaning, 21) for name, meaning in OPTIONS.items()]
    return "\n".join(lines)


def _entry(name: str, meaning: str, indent: int) -> str:
    width = min(shutil.get_terminal_size().columns, 120)
    return textwrap.fill(meaning, width, initial_indent=f"  {name:{indent}}", subsequent_indent=" " * (indent + 2))


def _print_completion(shell: str, commands: dict[str, type]) -> None:
    any_command: Any = Union[  # noqa: UP007  (built from the table)
        tuple(
            Annotated[command, subcommand(name, prefix_name=False, description=first_line(command))]
            for name, command in commands.items()
        )
    ]
    tyro.cli(any_command, prog="metarl", args=["--tyro-print-completion", shell])
