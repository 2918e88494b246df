"""Runs that were trained for one iteration."""

from __future__ import annotations

from metarl.config.experiment import Config
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.training.trainer import Trainer


def save_run(name: str, config: Config) -> runs.Run:
    """A run of one iteration."""
    run, trainer = runs.create(name, config, "test"), Trainer(config)
    record = trainer.iterate()
    run.metrics.write_text(f'{{"iteration": 1, "env_steps": {record["env_steps"]}, "return_before": 0.0}}\n')
    checkpoint.save(run.checkpoints, trainer.state)
    return run
