"""Exported files: ONNX for any language, or TorchScript for torch alone."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any, Literal

import torch

from metarl.deploy.agent import Agent
from metarl.deploy.description import describe
from metarl.deploy.frozen import Frozen, frozen
from metarl.errors import UserError
from metarl.system.files import atomic_file

Format = Literal["onnx", "torchscript"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "torchscript": ".pt"}
KEY = "metarl"  # of the description in a file
INSTALL = "pip install -c constraints.txt -e '.[export]'"


def export(agent: Agent, path: str | Path, task: dict[str, float] | None = None) -> dict[str, Any]:
    """Write the policy as it acts now, with greedy actions, to a file that ends in `.onnx` or `.pt` (TorchScript).

    task: the one that it adapted to, where that is known; it is only written down. Returns the description in the file.

    Raises UserError, in one sentence, for what cannot be exported, or where packages lack. Raises OSError where the
    file cannot be written.
    """
    path = Path(path)
    format_ = next((f for f, suffix in SUFFIXES.items() if path.suffix == suffix), None)
    if format_ is None:
        raise UserError(f"got the file {str(path)!r}, expected a name that ends in {' or '.join(SUFFIXES.values())}")
    check_installed(format_)
    policy = frozen(agent)
    description = describe(agent, policy, task)
    policy.module.eval()
    text = json.dumps(description)
    try:
        with torch.no_grad(), _quietly():
            content = onnx_bytes(policy, text) if format_ == "onnx" else torchscript_bytes(policy, text)
    except Exception as error:  # whatever torch cannot translate of a learner
        reason = " ".join(f"{type(error).__name__}: {error.__cause__ or error}".split())[:300]
        raise UserError(
            f"{agent.name} cannot be exported: torch does not translate it to {format_} ({reason})"
        ) from error
    with atomic_file(path) as file:
        file.write(content)
    return description


def check_installed(format_: Format) -> None:
    """Raise UserError where a package lacks that writes the format."""
    missing = [p for p in ("onnx", "onnxscript") if format_ == "onnx" and not importlib.util.find_spec(p)]
    if missing:
        raise UserError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: {INSTALL}")


def onnx_bytes(policy: Frozen, description: str) -> bytes:
    """The policy as an ONNX file."""
    import onnx

    program = torch.onnx.export(
        policy.module,
        tuple(policy.inputs.values()),
        input_names=list(policy.inputs),
        output_names=list(policy.outputs),
        dynamo=True,
        external_data=False,
        optimize=False,  # it would take the 1e-8 that is added to a norm for a zero, and leave it out
        verbose=False,
    )
    assert program is not None  # of the exporter that was asked for
    model = program.model_proto
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, model.graph):
        part.ClearField("metadata_props")  # where in the code it is from, with the folders of this machine
        part.ClearField("doc_string")
    onnx.helper.set_model_props(model, {KEY: description})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def torchscript_bytes(policy: Frozen, description: str) -> bytes:
    """The policy as a TorchScript file."""
    given = tuple(policy.inputs.values())
    traced = torch.jit.trace(policy.module, given, check_trace=False)  # type: ignore[no-untyped-call]  # of torch
    stream = io.BytesIO()
    torch.jit.save(torch.jit.freeze(traced), stream, _extra_files={KEY: description})
    return _without_sources(stream)


def _without_sources(archive: IO[bytes]) -> bytes:
    """A TorchScript file without its tables of where in the code it is from, with the folders of this machine."""
    stream = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(stream, "w") as new:
        for entry in old.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
    return stream.getvalue()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch says while it translates: of packages that it does not need here, and of its own future."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
