"""How runs are evaluated where nothing else is asked for. Nothing here imports torch."""

from __future__ import annotations

from typing import Literal

AFTER = (0, 1, 2, 3, 5, 10, 20)  # episodes of adaptation
REPEATS = 4  # chosen: adaptations to each task
REPORT_AT = 3  # episodes of adaptation at which all but curves are reported
ACTING_TASKS = 40  # unseen tasks of learners that act; chosen
SUPERVISED_TASKS = 1000  # unseen supervised tasks; chosen
WAYS = (5, 20)  # classes, of learners without a fixed last layer
SHOTS = (1, 5)  # support images of a class

Start = Literal["trained", "scratch"]
"""The weights at which fine-tuning starts: those of joint training, or fresh ones."""
Baselines = Literal["none", "fine-tuned", "scratch", "all"]
"""Which fine-tuning is put beside joint training."""
STARTS: dict[Baselines, tuple[Start, ...]] = {
    "none": (),
    "fine-tuned": ("trained",),
    "scratch": ("scratch",),
    "all": ("trained", "scratch"),
}
Variant = Literal["", "teacher", "memory_off"]
"""How a policy acts: as trained; on what its teacher is told; with the memory of the start of a trial at every step."""
