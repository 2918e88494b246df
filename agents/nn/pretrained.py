"""A residual network that was trained elsewhere, frozen, from a file of safetensors; and a linear layer that learns.

K. He, X. Zhang, S. Ren, J. Sun, 2016, Deep residual learning for image recognition, arXiv 1512.03385. The names of the
tensors are those of torchvision's and timm's ResNet-18, -34, -50, -101 and -152 (`conv1`, `bn1`, `layer1.0.conv2`). How
many blocks there are, how wide they are, and of which kind, is read from the names and shapes. Blocks of three
convolutions halve the image in the second, as torchvision does. What else a file holds is refused, except the last
layer (`fc`), which is not needed.

Batch normalisation is a part of the convolutions, with the statistics of the file: v = w g, b = s - m g, where
g = scale / sqrt(variance + 1e-5).

Axes: `S` images, `c` channels, `H` x `H` pixels, `D` features of the last block, `F` features after the linear layer.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from agents.nn.embeddings import Embedded
from agents.records import Params

EPS = 1e-5  # of batch normalisation in torchvision and timm
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the RGB images of ImageNet, which such networks expect
STAGES = 4
LEFT_OUT = re.compile(r"fc\.(weight|bias)|.*\.num_batches_tracked")
NAME = re.compile(r"(conv1|layer[1-4]\.\d+\.conv[123]|layer[1-4]\.\d+\.downsample\.0)\.weight")


class PretrainedResNet:
    """Frozen blocks of `path`, and a learned linear layer to `features` numbers.

    image: channels, 1 or 3, and pixels of a side. Grey images are given to the network as RGB. Raises ValueError where
    the file cannot be read, or holds another network.
    """

    def __init__(self, path: str | Path, features: int, image: tuple[int, int] = (3, 84)) -> None:
        self.frozen = _folded(read_tensors(path), str(path))
        self.blocks = _blocks(self.frozen)
        self.inputs, self.dim = image[0], features
        self.last = self.frozen[_last(self.frozen, *self.blocks[-1])].shape[0]

    def init(self, generator: torch.Generator) -> Params:
        """An orthogonal linear layer [F, D]: it keeps the distances within the directions that it keeps."""
        weight = torch.empty(self.dim, self.last)
        torch.nn.init.orthogonal_(weight, generator=generator)
        return {"linear.weight": weight}

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        """x [S, c, H, H] from 0 to 1 -> z [S, F]. It has statistics of its own: `stats` are not used."""
        weight = params["linear.weight"]
        return Embedded(self.backbone(x) @ weight.T, {})

    def backbone(self, x: Tensor) -> Tensor:
        """x [S, c, H, H] from 0 to 1 -> features [S, D] of the last block."""
        self._move_to(x)
        frozen = self.frozen
        mean, std = (x.new_tensor(numbers)[:, None, None] for numbers in (MEAN, STD))
        x = (x - mean) / std  # a grey channel becomes three
        x = F.max_pool2d(F.relu(self._convolved(x, "conv1", 2)), 3, 2, 1)
        for stage, block in self.blocks:
            name, halves = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            skip = f"{name}.downsample.0"
            kept = self._convolved(x, skip, halves) if f"{skip}.weight" in frozen else x
            if f"{name}.conv3.weight" in frozen:
                h = F.relu(self._convolved(x, f"{name}.conv1", 1))
                h = F.relu(self._convolved(h, f"{name}.conv2", halves))
                h = self._convolved(h, f"{name}.conv3", 1)
            else:
                h = self._convolved(F.relu(self._convolved(x, f"{name}.conv1", halves)), f"{name}.conv2", 1)
            x = F.relu(h + kept)
        return x.mean((2, 3))

    def _convolved(self, x: Tensor, name: str, stride: int) -> Tensor:
        weight = self.frozen[f"{name}.weight"]
        return F.conv2d(x, weight, self.frozen[f"{name}.bias"], stride, weight.shape[-1] // 2)

    def _move_to(self, x: Tensor) -> None:
        """The frozen weights go to where the images are, once."""
        if self.frozen["conv1.weight"].device != x.device or self.frozen["conv1.weight"].dtype != x.dtype:
            self.frozen = {k: v.to(x) for k, v in self.frozen.items()}


def read_tensors(path: str | Path) -> Params:
    """The tensors of a file of safetensors. Raises ValueError where it cannot be read."""
    try:
        with safe_open(str(path), "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # the file is no dict
    except (OSError, SafetensorError) as error:
        raise ValueError(f"the weights {path} could not be read as safetensors: {error}") from None


def _folded(tensors: Params, path: str) -> Params:
    """Filters and biases of all convolutions, with batch normalisation in them. Raises ValueError for what else is."""
    expected, folded = set(), {}
    for name in tensors:
        if not NAME.fullmatch(name):
            continue
        norm = _norm_of(name.removesuffix(".weight"))
        parts = [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        if missing := [part for part in parts if part not in tensors]:
            raise _refused(path, f"it has {name} without {missing[0]}")
        scale, shift, mean, var = (tensors[part].float() for part in parts)
        gain = scale * (var + EPS).rsqrt()
        folded[name] = tensors[name].float() * gain[:, None, None, None]
        folded[name.removesuffix("weight") + "bias"] = shift - mean * gain
        expected |= {name, *parts}
    if others := sorted(name for name in tensors if name not in expected and not LEFT_OUT.fullmatch(name)):
        raise _refused(path, f"it has {others[0]}")
    if "conv1.weight" not in folded or any(f"layer{k}.0.conv1.weight" not in folded for k in range(1, STAGES + 1)):
        raise _refused(path, f"it has no conv1 or less than {STAGES} layers")
    _check_shapes(folded, path)
    return folded


def _norm_of(convolution: str) -> str:
    """The name of the batch normalisation behind a convolution: bn2 behind conv2, downsample.1 behind downsample.0."""
    if convolution.endswith("downsample.0"):
        return convolution[:-1] + "1"
    return convolution[: -len("conv1")] + "bn" + convolution[-1]


def _check_shapes(folded: Params, path: str) -> None:
    """Raise ValueError where what a convolution reads is not what the one before it writes, as with groups."""
    if tuple(folded["conv1.weight"].shape[1:]) != (3, 7, 7):
        raise _refused(path, f"its conv1 has the shape {list(folded['conv1.weight'].shape)}")
    width = folded["conv1.weight"].shape[0]
    for stage, block in _blocks(folded):
        name, reads = f"layer{stage}.{block}", width
        for k in (1, 2, 3):
            weight = folded.get(f"{name}.conv{k}.weight")
            if weight is None:
                continue
            if weight.shape[1] != reads or weight.shape[2] not in (1, 3):
                raise _refused(path, f"its {name}.conv{k} has the shape {list(weight.shape)}, after {reads} channels")
            reads = weight.shape[0]
        skip = folded.get(f"{name}.downsample.0.weight")
        if (reads if skip is None else skip.shape[0]) != reads or (skip is None and width != reads):
            raise _refused(path, f"the two ways through its {name} do not fit each other")
        width = reads


def _refused(path: str, why: str) -> ValueError:
    return ValueError(f"{path} is no ResNet with the names and shapes of torchvision: {why}")


def _blocks(frozen: Params) -> list[tuple[int, int]]:
    """Stage and number of every block, in order."""
    found = {tuple(map(int, m.groups())) for k in frozen if (m := re.match(r"layer(\d)\.(\d+)\.conv1\.weight", k))}
    return sorted((stage, block) for stage, block in found)


def _last(frozen: Params, stage: int, block: int) -> str:
    """The name of the last convolution of a block."""
    third = f"layer{stage}.{block}.conv3.weight"
    return third if third in frozen else f"layer{stage}.{block}.conv2.weight"
