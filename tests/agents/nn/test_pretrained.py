"""Pretrained networks: against the same ResNets from torch's own layers; frozen; refused where they are others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import grad, vmap

from agents.nn.embeddings import ConvClassifier
from agents.nn.pretrained import MEAN, STD, PretrainedResNet
from agents.objectives import cross_entropy
from metarl.config.experiment import Config
from metarl.deploy.sharing import reduced
from metarl.errors import UserError
from metarl.runs import folder
from metarl.training.make import make_trainer
from tests.agents.images import one_task, supervised_tasks
from tests.commands import run


class Block(nn.Module):
    """Two convolutions of 3x3, or, with a bottleneck, 1x1, 3x3 and 1x1 to four times the width."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        sides = (1, 3, 1) if bottleneck else (3, 3)
        widths = (inputs, width, width, outputs) if bottleneck else (inputs, width, width)
        halving = 1 if bottleneck else 0
        self.depth = len(sides)
        for k, side in enumerate(sides):
            step = stride if k == halving else 1
            conv = nn.Conv2d(widths[k], widths[k + 1], side, step, side // 2, bias=False)
            self.add_module(f"conv{k + 1}", conv)
            self.add_module(f"bn{k + 1}", nn.BatchNorm2d(widths[k + 1]))
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for k in range(1, self.depth + 1):
            h = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(h))
            h = h.relu() if k < self.depth else h
        return (h + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class ResNet(nn.Module):
    """The ResNets of the paper (table 1), with torchvision's names."""

    def __init__(self, blocks: tuple[int, ...], width: int = 4, bottleneck: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        inputs = width
        for stage, count in enumerate(blocks):
            wide = width * 2**stage
            layer = []
            for block in range(count):
                layer.append(Block(inputs, wide, 2 if stage and not block else 1, bottleneck))
                inputs = 4 * wide if bottleneck else wide
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x.mean((2, 3))


def saved(path: Path, blocks: tuple[int, ...] = (2, 2, 2, 2), bottleneck: bool = False) -> ResNet:
    """A network with statistics that are not trivial, and its file."""
    torch.manual_seed(0)
    net = ResNet(blocks, bottleneck=bottleneck)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for part in (module.weight, module.running_var):
                nn.init.uniform_(part, 0.5, 1.5)  # type: ignore[arg-type]  # torch: the variance may be None
            for part in (module.bias, module.running_mean):
                nn.init.normal_(part, 0.0, 0.1)  # type: ignore[arg-type]
    save_file(net.eval().state_dict(), path)
    return net


RESNETS = [((2, 2, 2, 2), False), ((1, 2, 3, 1), False), ((3, 4, 2, 1), True)]


@pytest.mark.parametrize(("blocks", "bottleneck"), RESNETS)
def test_features_are_those_of_the_network_in_the_file(
    tmp_path: Path, blocks: tuple[int, ...], bottleneck: bool
) -> None:
    theirs = saved(tmp_path / "net.safetensors", blocks, bottleneck)
    x = torch.rand(5, 3, 48, 48)
    features = PretrainedResNet(tmp_path / "net.safetensors", 7).backbone(x)
    torch.testing.assert_close(features, theirs(x).detach(), rtol=1e-4, atol=1e-5)


def test_grey_images_are_given_as_rgb(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "net.safetensors")
    x = torch.rand(2, 1, 32, 32)
    features = PretrainedResNet(tmp_path / "net.safetensors", 7, (1, 32)).backbone(x)
    torch.testing.assert_close(features, theirs(x.expand(-1, 3, -1, -1)).detach(), rtol=1e-4, atol=1e-5)


def test_the_linear_layer_learns_and_the_rest_does_not(tmp_path: Path) -> None:
    saved(tmp_path / "net.safetensors")
    net = ConvClassifier(PretrainedResNet(tmp_path / "net.safetensors", 6, (1, 28)), 3)
    theta = net.init(torch.Generator().manual_seed(0)) | {"last.weight": torch.randn(3, 6)}
    assert set(theta) == {"linear.weight", "last.weight", "last.bias"}
    torch.testing.assert_close(theta["linear.weight"] @ theta["linear.weight"].T, torch.eye(6))
    tasks = supervised_tasks(2)
    slopes = vmap(grad(lambda p, d: cross_entropy(net(p, d.x), d)), (None, 0))(theta, tasks.query)
    one = grad(lambda p, d: cross_entropy(net(p, d.x), d))(theta, one_task(tasks, 1).query)
    for name in theta:
        torch.testing.assert_close(slopes[name][1], one[name], rtol=1e-3, atol=1e-6)


def damaged(path: Path, how: str) -> None:
    tensors = saved(path).state_dict()
    if how == "no file":
        path.unlink()
        return
    if how == "text":
        path.write_text("weights")
        return
    if how == "another":
        tensors["se.weight"] = torch.zeros(1)
    if how == "no norm":
        del tensors["layer2.0.bn1.bias"]
    if how == "groups":
        tensors["layer3.1.conv2.weight"] = tensors["layer3.1.conv2.weight"][:, :8].clone()
    if how == "stem":
        tensors["conv1.weight"] = tensors["conv1.weight"][:, :, :3, :3].clone()
    if how == "short":
        tensors = {k: v for k, v in tensors.items() if not k.startswith("layer4")}
    if how == "skip":
        tensors = {k: v for k, v in tensors.items() if "layer2.0.downsample" not in k}
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no file", "could not be read as safetensors"),
        ("text", "could not be read as safetensors"),
        ("another", "it has se.weight"),
        ("no norm", "without layer2.0.bn1.bias"),
        ("groups", r"layer3.1.conv2 has the shape \[16, 8, 3, 3\], after 16 channels"),
        ("stem", "its conv1 has the shape"),
        ("short", "less than 4 layers"),
        ("skip", "the two ways through its layer2.0"),
    ],
)
def test_other_files_are_refused_in_a_sentence(tmp_path: Path, how: str, said: str) -> None:
    damaged(tmp_path / "net.safetensors", how)
    with pytest.raises(ValueError, match=said):
        PretrainedResNet(tmp_path / "net.safetensors", 7)


def pretrained(path: Path | str) -> dict[str, object]:
    return {"network": "pretrained", "weights": str(path), "channels": 8}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("prototypical_omniglot", {"learner__bn": "none"}),
        ("matching_fce_omniglot", {"learner__bn": "none"}),
        ("siamese_omniglot", {"learner__bn": "none", "learner__l2": {"linear": 0.001}}),
        ("maml_omniglot", {"learner__inner_steps": 2}),
        ("maml_omniglot", {"learner__adapted_params": "head"}),
        ("reptile_omniglot", {}),
    ],
)
def test_learners_train_on_it(
    tmp_path: Path, name: str, settings: dict[str, object], small: Callable[..., Config]
) -> None:
    saved(tmp_path / "net.safetensors")
    trainer = make_trainer(small(name, learner__embedding=pretrained(tmp_path / "net.safetensors"), **settings))
    before = trainer.theta["linear.weight"].clone()
    for _ in range(2):
        trainer.iterate()
    assert (trainer.theta["linear.weight"] != before).any()
    assert not any("conv" in key for key in trainer.theta)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("prototypical_omniglot", {"learner__embedding": pretrained("x")}, "brings its statistics: give bn none"),
        (
            "maml_omniglot",
            {"learner__embedding": pretrained("x"), "learner__bn": "support+1"},
            "brings its statistics: give bn transductive",
        ),
        ("prototypical_omniglot", {"learner__embedding": {"network": "pretrained"}}, "give weights"),
        ("prototypical_omniglot", {"learner__embedding": {"weights": "x"}}, "leave them out"),
        (
            "maml_plus_omniglot",
            {"learner__embedding": {"network": "pretrained", "weights": "x"}},
            "norm_per_step is of batch normalisation, and a pretrained network has none",
        ),
        ("prototypical_omniglot", {"learner__embedding": pretrained("x") | {"down": "stride"}}, "leave it out"),
        ("prototypical_omniglot", {"learner__bn": "none"}, "conv4 has batch normalisation"),
    ],
)
def test_settings_that_change_nothing_are_refused(
    name: str, settings: dict[str, object], said: str, small: Callable[..., Config]
) -> None:
    with pytest.raises(UserError, match=said):
        small(name, **settings)


def test_a_run_refuses_other_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "net.safetensors")
    options = ["--tasks.data", "glyphs", "--tasks.way", "3", "--tasks.query", "2", "--train.iterations", "1"]
    options += ["--learner.bn", "none", "--learner.embedding.network", "pretrained", "--learner.embedding.weights"]
    assert run(["train", "prototypical_omniglot", *options, "net.safetensors"]).code == 0
    assert run(["evaluate", "prototypical_omniglot", "--tasks", "5"]).code == 0
    assert folder.find("prototypical_omniglot").environment.weights
    with pytest.raises(UserError, match="has weights of its own, which is not shared"):
        reduced(folder.find("prototypical_omniglot"))
    saved(tmp_path / "net.safetensors", (1, 1, 1, 1))
    refused = run(["evaluate", "prototypical_omniglot", "--tasks", "5"])
    assert refused.code != 0
    assert "was trained with other weights" in refused.err
