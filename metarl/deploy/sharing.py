"""A run made small, to be given to others: settings and one checkpoint as data, with a card that says what it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch

import metarl
from envs.wording import count_of
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.adaptation import display_name
from metarl.evaluation.adaptation_evaluation import PROTOCOL, Evaluation
from metarl.evaluation.adaptation_tables import adaptation_table
from metarl.evaluation.stored import read_results
from metarl.runs import checkpoint, shared
from metarl.runs.checkpoint_index import checkpoint_name
from metarl.runs.run import Run
from metarl.system.files import read_regular_file
from metarl.training.build import build_family

MAX_CLIP = 2**26  # bytes; chosen
KEPT = ("metarl", "commit", "python", "torch", "mujoco", "gymnasium", "numpy", "plugins", "packages")


def reduced(run: Run) -> dict[str, bytes]:
    """The files of a run with its selected checkpoint alone, and that without what only a further training needs.

    Raises UserError where there is no checkpoint, and where it needs files that are not shared: the model of a robot
    of the user's own, or pretrained weights.
    """
    for needed, name in ((run.environment.model, "a robot with a model"), (run.environment.weights, "weights")):
        if needed:
            raise UserError(f"{run.name} has {name} of its own, which is not shared: share that by other means")
    state = checkpoint.selected_checkpoint(run)(None)
    state = state._replace(outer={}, generator=torch.Generator().manual_seed(0))
    files = checkpoint.packed(state)
    sums = {name: {"sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for name, c in files.items()}
    folder = f"checkpoints/{checkpoint_name(state.iteration)}"
    inside = {f"{folder}/{name}": content for name, content in files.items()}
    inside[f"{folder}/{checkpoint.MANIFEST}"] = json.dumps(sums, indent=1).encode()
    return inside | {
        "config.yaml": settings.dump(_without_origin(run.config)).encode(),
        "command.txt": f"{run.command}\n".encode(),
        "environment.json": json.dumps(_environment(run), indent=1).encode(),
    }


def _without_origin(config: Config) -> Config:
    """The settings without the run that it started from, which is not shared."""
    return config.model_copy(update={"train": config.train.model_copy(update={"init_from": None, "reset_std": False})})


def _environment(run: Run) -> dict[str, object]:
    """Versions and commit of a training, without what says on which machine it was."""
    try:
        found = json.loads(run.read("environment.json", 2**16))
    except (OSError, ValueError):
        return {}
    return {key: found[key] for key in KEPT if key in found} if isinstance(found, dict) else {}


def shareable(run: Run, repo: str, clip: Path | None = None) -> dict[str, bytes]:
    """Every file that is shared of a run, with its card and its list. repo: user/name.

    Raises UserError as `reduced`, and where the clip cannot be read.
    """
    files = reduced(run)
    clip = clip or _newest_clip(run)
    if clip is not None:
        try:
            files[shared.CLIP] = read_regular_file(clip, MAX_CLIP)
        except (OSError, ValueError) as error:
            raise UserError(f"the clip {clip} could not be read: {error}") from None
    files[shared.CARD] = card(run, repo, has_clip=clip is not None).encode()
    return files | {shared.LIST: shared.listed(files)}


def _newest_clip(run: Run) -> Path | None:
    """That of training, where it was filmed."""
    clips = sorted((run.path / "videos").glob("iteration_*.mp4"))
    return clips[-1] if clips else None


def card(run: Run, repo: str, *, has_clip: bool) -> str:
    """What a run is, how it is used and how well it does, in Markdown with the hub's metadata."""
    config, acts = run.config, not run.config.tasks.is_supervised
    state = checkpoint.selected_checkpoint(run)(None)
    tags = ["meta-learning", *(["reinforcement-learning", "robotics", "mujoco"] if acts else ["few-shot-learning"])]
    head = ["---", "library_name: metarl", "tags:", *(f"- {tag}" for tag in tags)]
    head += ["pipeline_tag: reinforcement-learning", "---"] if acts else ["---"]
    unit = "steps" if acts else "examples"
    facts = [
        f"# {repo.partition('/')[2]}",
        "",
        f"{display_name(config)} on {config.tasks.title}, trained with metarl {metarl.__version__}"
        f"{f' (commit {run.commit})' if run.commit else ''}: {count_of(state.iteration, 'iteration')}, "
        f"{state.env_steps / 1e6:.2f} M {unit}, {state.seconds / 60:.0f} minutes.",
        "",
        *(["```", run.command, "```", ""] if run.command else []),
        "The files are data alone: settings in YAML, parameters as safetensors; `metarl.json` lists their checksums.",
    ]
    use = [f'agent = metarl.load("hf://{repo}")'] if acts else []
    facts += ["", *(["```python", "import metarl", "", *use, "```", ""] if use else [])]
    verbs = ["evaluate", "play", "record"] if acts else ["evaluate"]
    facts += ["```", *(f"metarl {verb} hf://{repo}" for verb in verbs), "```", ""]
    facts += [f"The robot after adaptation: [{shared.CLIP}]({shared.CLIP})", ""] if has_clip else []
    facts += ["## Settings", "", "```yaml", settings.dump(config).strip(), "```", ""]
    return "\n".join([*head, "", *facts, *(_tables(run, state.iteration) if acts else [])])


def _tables(run: Run, iteration: int) -> list[str]:
    """Stored evaluations of this checkpoint, as they are made now: earlier ones measured success in another way."""
    family = build_family(run.config)
    found = read_results(run, r"evaluation_(test|ood)_.*\.json", Evaluation.from_json)
    own = [e for e in found if e.iteration == iteration and e.protocol >= PROTOCOL and not e.variant]
    tables = [adaptation_table(family, e, []).to_markdown() for e in own]
    return ["## Return on unseen tasks", "", *(f"{table}\n" for table in tables)] if tables else []
