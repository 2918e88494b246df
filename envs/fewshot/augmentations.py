"""Augmentations of pictures: crops, mirror images and other colours (Lee et al. 2019, arXiv 1904.03758, section 4.1).

A picture is padded with 0 by 8/84 of its side and cropped to its size at a random place, mirrored with probability one
half, and its brightness, contrast and saturation are multiplied by factors of 0.6 to 1.4 each, in this order (in the
authors' code the order is random too).

Axes: `M` pictures, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 8 / 84  # of the side; the authors': 8 of 84 pixels, and 4 of 32
JITTER = 0.4  # the authors'
COMPONENTS = 6  # place along x and y, mirrored or not, brightness, contrast, saturation
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey (ITU-R BT.601)


def augment(x: Tensor, uniforms: Tensor) -> Tensor:
    """Pictures [M, c, H, H] in [0, 1], each by its own numbers in [0, 1) [M, 6]."""
    factors = (1 - JITTER + 2 * JITTER * uniforms[:, 3:]).to(x)
    return jittered(cropped(x, uniforms[:, :2], uniforms[:, 2] < 0.5), factors)


def cropped(x: Tensor, place: Tensor, mirrored: Tensor) -> Tensor:
    """The crops at places [M, 2] along x and y, from 0 to 1 over all that there are; mirrored [M] bool."""
    count, channels, side = x.shape[:3]
    pad = round(PADDING * side)
    first = (place * (2 * pad + 1)).long().clamp_max(2 * pad)[:, :, None] + torch.arange(
        side, device=x.device
    )  # [M, 2, H]
    columns = torch.where(mirrored[:, None], first[:, 0].flip(1), first[:, 0])
    which, channel = torch.arange(count)[:, None, None, None], torch.arange(channels)[None, :, None, None]
    return F.pad(x, [pad] * 4)[which, channel, first[:, 1, None, :, None], columns[:, None, None, :]]


def jittered(x: Tensor, factors: Tensor) -> Tensor:
    """Other brightness, contrast and saturation, by factors [M, 3]; grey pictures have no saturation."""
    brightness, contrast, saturation = factors[:, :, None, None, None].unbind(1)
    x = (x * brightness).clamp(0, 1)
    mean = _grey(x).mean((1, 2, 3), keepdim=True)
    x = (mean + contrast * (x - mean)).clamp(0, 1)
    grey = _grey(x)
    return (grey + saturation * (x - grey)).clamp(0, 1)


def _grey(x: Tensor) -> Tensor:
    """[M, 1, H, H]."""
    if x.shape[1] == 1:
        return x
    return (x * torch.tensor(LUMA).to(x)[:, None, None]).sum(1, keepdim=True)
