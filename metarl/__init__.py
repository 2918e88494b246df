"""Meta-reinforcement learning and few-shot learning on task distributions of MuJoCo robots."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

__version__ = "0.24.0"

# Between two operations torch's idle threads wait for about a millisecond on their cores, then sleep. Measured on two
# cores: asleep at once, a training takes a fifth to a half longer, for they wake slowly; awake for ever, they take the
# cores that the simulation's threads need, and it takes a fifth longer too. It is read when torch is first imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

_HOME = Path(__file__).resolve().parent.parent
for _floor in ("envs", "agents"):
    _found = find_spec(_floor)
    _path = Path(_found.origin).resolve().parent if _found and _found.origin else None
    if _path != _HOME / _floor:
        _sentence = (
            f"metarl needs its own package '{_floor}' at {_HOME / _floor}, but Python finds {_path or 'none'}: "
            "start Python elsewhere, or remove the other one from the path"
        )
        if Path(sys.argv[0]).stem == "metarl":  # the command: the sentence without a traceback
            print(f"error: {_sentence}", file=sys.stderr)
            sys.exit(2)
        raise ImportError(_sentence)


def load(run: "str | os.PathLike[str]", *, env: object = None, seed: int = 0) -> object:
    """What a run has learned: an `Agent` that acts (`metarl.deploy`, imported when this is called), or, of a run on
    images, a `Classifier`.

        agent = metarl.load("gru_point")           # a run's folder, a config's name for its newest run, NAME@best
        agent.adapt(env, episodes=3)               # a Gymnasium environment or vector environment
        action = agent.act(obs)
        agent.observe(reward, terminated, truncated)

        classifier = metarl.load("prototypical_images").fit(images, labels)    # of classes never seen before
        classifier.predict(more)

    env: the environment that it acts in, which decides the units of its actions. seed: of the actions that are sampled.
    Raises `metarl.errors.UserError`, in one sentence, for what is neither and for an environment that does not fit.
    """
    return import_module("metarl.deploy").load(run, env=env, seed=seed)
