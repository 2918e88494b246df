"""Runs are pushed, fetched again and act alike; what a stranger puts there is refused. No network is used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

import metarl
from metarl.config.experiment import Config
from metarl.deploy.publishing import push
from metarl.errors import UserError
from metarl.runs import folder, hub, shared
from metarl.runs.run import Run
from tests.metarl.cli.test_app import run as command
from tests.metarl.deploy.small_runs import config_of, save
from tests.metarl.runs.hub_server import Hub, serving

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: pip install -e '.[hub]'")
REPO = "somebody/point"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    with serving() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return save(config_of("maml"), tmp_path_factory.mktemp("runs") / "mine" / "one")


@pytest.fixture
def pushed(server: Hub, trained: Run) -> Hub:
    assert push(trained, REPO, private=True) == "hf://somebody/point"
    return server


def relist(server: Hub, **changed: bytes | None) -> None:
    """Files changed by a stranger who writes the list anew."""
    files = server.repos[REPO]
    for name, content in changed.items():
        if content is not None:
            files[name] = content
    listed = {n: c for n, c in files.items() if n != shared.LIST}
    files[shared.LIST] = shared.listed(listed)


def test_a_pushed_run_acts_as_the_one_it_was_made_of(pushed: Hub, trained: Run) -> None:
    here, there = metarl.load(trained.path), metarl.load(f"hf://{REPO}")
    obs = np.array([[0.1, -0.2], [0.3, 0.4]], np.float32)
    np.testing.assert_array_equal(here.act(obs), there.act(obs))
    assert there.trained.origin.theta_sha256 == here.trained.origin.theta_sha256
    assert there.name.startswith("somebody--point/")
    assert pushed.private == {REPO: True}


def test_it_holds_data_alone_and_neither_optimiser_nor_machine(pushed: Hub) -> None:
    names = set(pushed.repos[REPO])
    assert {n for n in names if not n.startswith("checkpoints/")} == {
        *("metarl.json", "README.md", "config.yaml", "command.txt", "environment.json")
    }
    assert len(names) == 10
    outer = next(c for n, c in pushed.repos[REPO].items() if n.endswith("outer.safetensors"))
    assert len(outer) < 50
    assert "machine" not in json.loads(pushed.repos[REPO]["environment.json"])


def test_its_card_says_what_it_is(pushed: Hub) -> None:
    text = pushed.repos[REPO]["README.md"].decode()
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head)["library_name"] == "metarl"
    assert "reinforcement-learning" in yaml.safe_load(head)["tags"]
    assert 'metarl.load("hf://somebody/point")' in body
    assert "Meta-SGD on point" in body


def test_a_stored_evaluation_and_a_clip_are_part_of_it(
    server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = save(config_of("maml"), tmp_path / "runs" / "mine" / "one")
    assert command(["evaluate", "mine", "--tasks", "3", "--repeats", "1", "--after", "0", "2"], capsys)[0] == 0
    (tmp_path / "film.mp4").write_bytes(b"film")
    assert command(["push", "mine", REPO, "--clip", "film.mp4"], capsys)[:2] == (0, f"shared mine/one as hf://{REPO}\n")
    files = server.repos[REPO]
    assert files["clip.mp4"] == b"film"
    card = files["README.md"].decode()
    assert "all tasks, greedy actions" in card
    push(made, REPO)  # without the clip, which goes
    assert "clip.mp4" not in files
    (stored,) = made.path.glob("evaluation_*.json")
    stored.write_text(json.dumps(json.loads(stored.read_text()) | {"protocol": 3}))  # of an earlier measure of success
    push(made, REPO)
    assert "all tasks" not in files["README.md"].decode()


def test_what_was_fetched_is_evaluated_like_a_run_of_ones_own(pushed: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", f"hf://{REPO}", "--tasks", "2", "--repeats", "1", "--after", "0", "2"]
    code, out, err = command(words, capsys)
    assert (code, err) == (0, "")
    assert "somebody--point/" in out


def test_it_is_fetched_once(pushed: Hub) -> None:
    first = folder.find(f"hf://{REPO}").path
    count = len(pushed.fetched)
    assert folder.find(f"hf://{REPO}@main").path == first
    assert len(pushed.fetched) == count


@pytest.mark.parametrize("name", ["model.pkl", "pytorch_model.bin", "train.py", "checkpoints/x.pt", "sub/notes.md"])
def test_a_repository_with_anything_else_is_refused(pushed: Hub, name: str) -> None:
    pushed.repos[REPO][name] = b"\x80\x04."
    with pytest.raises(UserError, match=re.escape(f"holds {name!r}, which is no part of a run")):
        folder.find(f"hf://{REPO}")
    assert name not in pushed.fetched


@pytest.mark.parametrize(
    "name", ["../../evil.yaml", "/etc/cron.d/evil", "checkpoints/../config.yaml", "model.pkl", "a\\b"]
)
def test_a_list_that_names_a_path_outside_or_another_file_is_refused(pushed: Hub, name: str) -> None:
    pushed.repos[REPO][name] = b"evil"
    relist(pushed)
    with pytest.raises(UserError, match="which is no part of a run"):
        folder.find(f"hf://{REPO}")
    assert pushed.fetched == ["metarl.json"]


def test_a_wrong_digest_is_refused(pushed: Hub, tmp_path: Path) -> None:
    theta = next(n for n in pushed.repos[REPO] if n.endswith("theta.safetensors"))
    content = bytearray(pushed.repos[REPO][theta])
    content[-1] ^= 1
    pushed.repos[REPO][theta] = bytes(content)
    with pytest.raises(UserError, match=r"theta.safetensors does not match its checksum in metarl.json"):
        folder.find(f"hf://{REPO}")
    relist(pushed)  # the list is right now, but not what the checkpoint says of itself
    with pytest.raises(UserError, match=r"is damaged: theta.safetensors does not match its checksum"):
        metarl.load(f"hf://{REPO}")


def test_a_file_that_is_larger_than_listed_is_refused(pushed: Hub) -> None:
    pushed.repos[REPO]["config.yaml"] += b"#" * 100
    with pytest.raises(UserError, match=r"config.yaml is larger than its metarl.json says"):
        folder.find(f"hf://{REPO}")
    assert not (hub.cache_folder() / "somebody--point").exists()


@pytest.mark.parametrize(
    "content", [b"[]", b'{"files": {}}', b"{", b'{"files": {"config.yaml": {"sha256": "x", "size": 1}}}', b"[" * 10_000]
)
def test_a_list_that_is_none_is_refused(pushed: Hub, content: bytes) -> None:
    pushed.repos[REPO]["metarl.json"] = content
    with pytest.raises(UserError, match=r"is not trusted: metarl.json: "):
        folder.find(f"hf://{REPO}")


def test_a_repository_that_is_no_run_and_one_that_is_not_there(server: Hub) -> None:
    server.repos[REPO] = {"README.md": b"hello"}
    with pytest.raises(UserError, match=r"is no run of metarl: it has no metarl\.json"):
        folder.find(f"hf://{REPO}")
    with pytest.raises(UserError, match="there is no such repository, or it is private"):
        folder.find("hf://nobody/nothing")


@pytest.mark.parametrize("text", ["hf://point", "hf://../x/y", "hf://a/b/c", "hf://a/..", "hf://a/b@../c"])
def test_what_is_no_address_is_refused_before_anything_is_asked(server: Hub, text: str) -> None:
    with pytest.raises(UserError, match="expected hf://user/name"):
        folder.find(text)


def test_a_hub_that_cannot_be_reached_is_one_sentence(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"the hub could not be used \("):
        folder.find(f"hf://{REPO}")


def test_a_supervised_run_is_shared_too(server: Hub, small: Callable[..., Config], tmp_path: Path) -> None:
    push(save(small("maml_sinusoid"), tmp_path / "waves" / "one"), "somebody/waves")
    fetched = folder.find("hf://somebody/waves")
    assert fetched.config.tasks.is_supervised
    assert "few-shot-learning" in server.repos["somebody/waves"]["README.md"].decode()
