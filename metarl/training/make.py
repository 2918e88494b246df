"""The trainer of a config, placed where its settings and this machine put it."""

from __future__ import annotations

import torch

from metarl.config.experiment import Config
from metarl.distributed.launch import local_count
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.placement import CPU, Placement, place, set_up, usable_cores
from metarl.training.trainer import Trainer
from metarl.training.warm_start import warm_started


def load_trainer(run: Run, placement: Placement = CPU) -> Trainer:
    """The selected checkpoint of a run, ready to act, wherever it was trained."""
    run.check_model()
    return Trainer(run.config, checkpoint.selected_checkpoint(run), placement=placement)


def make_trainer(
    config: Config,
    state: checkpoint.State | checkpoint.Load | None = None,
    saved_placement: tuple[str | None, str | None] = (None, None),
    ranks: Ranks = SINGLE_PROCESS,
) -> Trainer:
    """The trainer of a config, where it was placed before, or where its settings and this machine put it.

    state: where it starts; by default from random weights, or from those of `train.init_from`.

    Of several processes on this machine each takes its part of the cores, and all are placed like the first.
    """
    if ranks.count > 1 and not config.train.num_threads:
        config = _changed(config, num_threads=max(usable_cores() // local_count(), 1))
    set_up(config)
    own = ranks.shard(config.train.num_tasks)
    shard = _changed(config, num_tasks=own.stop - own.start) if ranks.count > 1 else config
    try:
        where = place(shard, *saved_placement)
    except UserError:
        where = place(shard)  # it was begun on another machine
    if ranks.count > 1:
        simulator, device = ranks.broadcast(f"{where.simulator} {where.kind}".encode()).decode().split()
        if (where.simulator, where.kind) != (simulator, device):
            where = place(shard, simulator, device)._replace(why="as the first process")
    if where.kind == "cuda" and local_count() > torch.cuda.device_count():
        raise UserError(
            f"{local_count()} processes on a machine with {torch.cuda.device_count()} GPUs: start one for each GPU, "
            "or give --train.device cpu"
        )
    if state is not None:
        return Trainer(config, state, placement=where, ranks=ranks)
    return Trainer(config, warm_started(config) if ranks.is_first else None, placement=where, ranks=ranks)


def _changed(config: Config, **settings: int) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=settings)})
