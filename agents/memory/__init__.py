"""Learners with a memory."""

from agents.memory.mann import LRUA
from agents.memory.metanet import MetaNet, gaussian_head, identity_head
from agents.memory.ntm import NTM
from agents.memory.rl2 import RL2
from agents.memory.snail import SNAIL
from agents.memory.stream import Stream
from agents.memory.transcriber import Transcriber
from agents.memory.transformer import Transformer
from agents.nn.cores import GRU, LSTM, Core
from agents.nn.fast_weights import conv_network, dense_network

__all__ = [
    "GRU",
    "LRUA",
    "LSTM",
    "NTM",
    "RL2",
    "SNAIL",
    "Core",
    "MetaNet",
    "Stream",
    "Transcriber",
    "Transformer",
    "conv_network",
    "dense_network",
    "gaussian_head",
    "identity_head",
]
