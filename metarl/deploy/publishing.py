"""A run to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from metarl.deploy.sharing import shareable
from metarl.runs import hub, shared
from metarl.runs.run import Run


def push(run: Run, repo: str, *, private: bool = False, clip: Path | None = None) -> str:
    """Share the selected checkpoint of a run as user/name, in one commit; its address.

    What an earlier push of the same repository has left is removed. Raises UserError where the run cannot be shared,
    and where the hub cannot be used.
    """
    library = hub.library()
    repo = hub.address_of(repo).repo
    files = shareable(run, repo, clip)
    api = hub.api()
    with hub.told(f"{hub.PREFIX}{repo}"):
        api.create_repo(repo, private=private, exist_ok=True)
        old = [name for name in api.list_repo_files(repo) if shared.PART.fullmatch(name) and name not in files]
        operations = [library.CommitOperationDelete(path_in_repo=name) for name in old]
        operations += [library.CommitOperationAdd(path_in_repo=n, path_or_fileobj=c) for n, c in files.items()]
        api.create_commit(repo, operations, commit_message=f"{run.name}, by metarl push")
    return f"{hub.PREFIX}{repo}"
