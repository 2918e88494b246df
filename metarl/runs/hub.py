"""Runs on the Hugging Face Hub, by `hf://user/name`: fetched as data, checked, and kept in the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from metarl.errors import UserError
from metarl.runs import shared, stored
from metarl.system.files import read_regular_file

PREFIX = "hf://"
INSTALL = "pip install -c constraints.txt -e '.[hub]'"
_NAME = re.compile(r"(?P<repo>\w[\w.-]{0,95}/\w[\w.-]{0,95})(@(?P<revision>\w[\w./-]{0,99}))?", re.ASCII)


class Address(NamedTuple):
    """A repository, and a branch, tag or commit of it."""

    repo: str  # user/name
    revision: str | None = None


def address_of(text: str) -> Address:
    """What `hf://user/name` or `hf://user/name@revision` means. Raises UserError for anything else."""
    found = _NAME.fullmatch(text.removeprefix(PREFIX))
    if found is None or ".." in text:
        raise UserError(f"got {text!r}, expected hf://user/name, or hf://user/name@revision")
    return Address(found["repo"], found["revision"])


def library() -> Any:
    """huggingface_hub. Raises UserError where it is not installed."""
    try:
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # not in its __all__
    except ImportError:
        raise UserError(f"huggingface_hub is not installed: {INSTALL}") from None
    disable_progress_bars()
    return huggingface_hub


def api() -> Any:
    """The interface of the hub, at HF_ENDPOINT where that is set."""
    return library().HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="metarl")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors of the hub and of the network as one sentence."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        yield
    except UserError:
        raise
    except RepositoryNotFoundError:
        raise UserError(
            f"{what}: there is no such repository, or it is private and you are not logged in (`hf auth login`)"
        ) from None
    except Exception as error:  # of several libraries, which network errors pass through
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{what}: the hub could not be used ({type(error).__name__}: {reason})") from None


def cache_folder() -> Path:
    """Where fetched runs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metarl" / "hub"


def fetched(text: str) -> Path:
    """The folder of a run on the hub; what was fetched before is not fetched again.

    Raises UserError, in one sentence, for what is no run, for files that are not what its list says, and where the hub
    cannot be reached.
    """
    address, whose = address_of(text), text
    hub = library()
    with told(whose):
        info = api().model_info(address.repo, revision=address.revision)
    names = [entry.rfilename for entry in info.siblings or ()]
    commit = str(info.sha)
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise UserError(f"{whose}: the hub names no commit")
    if shared.LIST not in names:
        raise UserError(f"{whose} is no run of metarl: it has no {shared.LIST}, see metarl push")
    target = cache_folder() / address.repo.replace("/", "--") / commit[:12]
    if (target / "config.yaml").is_file():
        return target
    with tempfile.TemporaryDirectory(prefix="metarl-") as folder:
        place = Path(folder)

        def get(name: str, most: int) -> bytes:
            with told(whose):
                hub.hf_hub_download(
                    address.repo, name, revision=commit, local_dir=place, endpoint=os.environ.get("HF_ENDPOINT")
                )
            try:
                return read_regular_file(place / name, most)
            except (OSError, ValueError):
                raise UserError(f"{whose} is not trusted: {name} is larger than its {shared.LIST} says") from None

        sums = shared.read_list(get(shared.LIST, stored.MAX_BYTES), whose)
        shared.check_names(names, sums, whose)
        files = {}
        for name, claimed in sums.items():
            files[name] = get(name, claimed.size)
            shared.check_content(name, files[name], claimed, whose)
    write_new(target, files)
    return target


def write_new(target: Path, files: dict[str, bytes]) -> None:
    """A folder of files, all or none. Raises UserError where it cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
        try:
            for name, content in files.items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_bytes(content)
            if not target.exists():
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{target} could not be written: {error.strerror or error}") from None
