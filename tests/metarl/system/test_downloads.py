"""`metarl data` packs archives or fails in one sentence; `--data` says where packed files are."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from envs.fewshot import omniglot, omniglot_pack
from metarl.cli import app as cli
from metarl.runs import folder
from metarl.system import downloads

METADATA = {
    "license": "none",
    "alphabets": [["Runes", 2, 7, "background", [2, 0, 0]], ["Ogham", 3, 1, "evaluation", [1, 0, 2]]],
    "small1": ["Runes"],
    "small2": ["Ogham"],
    "one_shot": [{"alphabet": "Ogham", "characters": [1, 3], "runs": [[4, 8, [3, 1]]]}],
}
NAMES = tuple(omniglot_pack.ARCHIVES.values())
Picture = Image.Image
FROM = ["data", "omniglot", "--from", "archives"]


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


def png(picture: Picture) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


class Lake:
    """Archives of five characters, as the author would have made them, in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        folder.mkdir()
        self.ink = np.random.default_rng(0).random((5, 20, 105, 105)) < 0.1
        self.pictures = [Image.fromarray(~ink) for ink in self.ink.reshape(-1, 105, 105)]
        monkeypatch.setattr(omniglot_pack, "read_metadata", lambda: METADATA)
        self.set_checksum("images28", np.packbits(self.small().reshape(5, 20, -1), axis=-1))
        self.set_checksum("images105", np.packbits(self.ink, axis=-1))
        self.members = {
            NAMES[0]: [
                f"images_background/Runes/character{c:02d}/{6 + c:04d}_{j:02d}.png"
                for c in (1, 2)
                for j in range(1, 21)
            ],
            NAMES[1]: [
                f"images_evaluation/Ogham/character{c:02d}/{c:04d}_{j:02d}.png" for c in (1, 2, 3) for j in range(1, 21)
            ],
        }
        self.write(NAMES[0], self.pictures[:40])
        self.write(NAMES[1], self.pictures[40:])

    def small(self) -> np.ndarray:
        """By the resizing that the papers used, [5, 20, 28, 28]."""
        return ~np.stack([np.asarray(p.resize((28, 28))) for p in self.pictures]).reshape(5, 20, 28, 28)

    def write(self, name: str, pictures: list[Picture], **others: bytes) -> None:
        """An archive of pictures and other members; its digest replaces the author's."""
        with ZipFile(self.folder / name, "w") as archive:
            for member, picture in zip(self.members[name], pictures, strict=False):
                archive.writestr(member, others.pop(member, None) or png(picture))
            for member, content in others.items():
                archive.writestr(member, content)
        self.sign(name)

    def sign(self, name: str) -> None:
        digest = hashlib.md5((self.folder / name).read_bytes()).hexdigest()
        self.monkeypatch.setitem(downloads.MD5, name, digest)

    def set_checksum(self, name: str, array: np.ndarray) -> None:
        self.monkeypatch.setitem(omniglot_pack.PIXELS, name, hashlib.sha256(array.tobytes()).hexdigest())


@pytest.fixture
def lake(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("XDG_CACHE_HOME", str(workdir / "cache"))
    monkeypatch.delenv("METARL_DATA", raising=False)
    monkeypatch.setattr(downloads, "SOURCE", "http://127.0.0.1:9")  # no server
    return Lake(workdir / "archives", monkeypatch)


@pytest.fixture
def server(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The archives where the author put them."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(lake.folder))) as served:
        monkeypatch.setattr(downloads, "SOURCE", f"http://127.0.0.1:{served.server_port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield lake
        served.shutdown()
        thread.join()


def test_local_archives_are_packed_pixel_by_pixel(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run([*FROM, "--out", "packed"], capsys)
    assert code == 0, err
    assert "wrote packed/omniglot.npz" in out
    assert "--data packed" in out
    with np.load("packed/omniglot.npz") as full, np.load("packed/omniglot28.npz") as small:
        assert set(full.files) - set(small.files) == {"images105"}
        assert np.array_equal(np.unpackbits(full["images105"], axis=-1, count=105), lake.ink)
        assert np.array_equal(np.unpackbits(small["images28"], axis=-1).reshape(5, 20, 28, 28), lake.small())
        facts = {name: small[name].tolist() for name in small.files if not name.startswith("images")}
    assert facts == {
        "alphabet_names": ["Runes", "Ogham"],
        "alphabet": [0, 0, 1, 1, 1],
        "character": [1, 2, 1, 2, 3],
        "image_id": [7, 8, 1, 2, 3],
        "split_lake": [0, 0, 1, 1, 1],
        "split_vinyals": [0, 0, 0, 2, 2],
        "oneshot_support": [[[2, 3], [4, 3]]],
        "oneshot_query": [[[4, 7], [2, 7]]],
        "oneshot_label": [[1, 0]],
        "license": "none",
        "small1": [0],
        "small2": [1],
    }


def test_it_is_downloaded_once_and_found_in_the_cache(
    server: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(["data", "omniglot"], capsys)
    assert code == 0, err
    found = omniglot.find_file()
    assert str(found) in out
    assert sorted(p.name for p in found.parent.iterdir()) == ["omniglot.npz", "omniglot28.npz"]
    before = found.stat().st_mtime_ns
    monkeypatch.setattr(downloads, "SOURCE", "http://127.0.0.1:9")
    code, out, _ = run(["data", "omniglot"], capsys)
    assert code == 0
    assert "holds omniglot.npz and omniglot28.npz already" in out
    assert found.stat().st_mtime_ns == before


def test_a_damaged_file_is_replaced_and_an_intact_one_is_kept(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*FROM, "--out", "packed"]
    assert run(words, capsys)[0] == 0
    full, small = Path("packed/omniglot.npz"), Path("packed/omniglot28.npz")
    whole, before = small.read_bytes(), full.stat().st_mtime_ns
    for damaged in (whole[:-500], b"", whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]):
        small.write_bytes(damaged)
        code, out, _ = run(words, capsys)
        assert code == 0
        assert "omniglot.npz" not in out
        assert small.read_bytes() == whole
    assert full.stat().st_mtime_ns == before


def test_other_members_of_an_archive_are_never_unpacked(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.write(NAMES[1], lake.pictures[40:], **{"../../evil": b"x", "/tmp/../evil": b"x", "images_evaluation/e": b"x"})
    assert run([*FROM, "--out", "packed"], capsys)[0] == 0
    assert not list(Path.cwd().parent.rglob("evil"))
    assert sorted(p.name for p in Path.cwd().rglob("*") if p.is_file()) == sorted((*NAMES, *omniglot.FILES))


def spoil(lake: Lake, how: str) -> None:
    """One mistake in images_evaluation.zip, or around it."""
    name, path = NAMES[1], lake.folder / NAMES[1]
    first, pictures = lake.members[name][0], lake.pictures[40:]
    if how == "missing":
        path.unlink()
    elif how == "a pipe":
        path.unlink()
        os.mkfifo(path)
    elif how in ("cut off", "another digest"):
        path.write_bytes(path.read_bytes()[: -100 if how == "cut off" else None] + b"!" * (how == "another digest"))
    elif how == "cut off and signed":
        path.write_bytes(path.read_bytes()[:-100])
        lake.sign(name)
    elif how == "foreign":
        path.write_bytes(path.with_name(NAMES[0]).read_bytes())
        lake.sign(name)
    elif how == "too few":
        lake.write(name, pictures[:-1])
    elif how == "not an image":
        lake.write(name, pictures, **{first: b"GIF89a"})
    elif how == "half an image":
        lake.write(name, pictures, **{first: png(pictures[0])[:300]})
    elif how == "another size":
        lake.write(name, [pictures[0].resize((104, 105)), *pictures[1:]])
    elif how == "grey":
        lake.write(name, [pictures[0].convert("L"), *pictures[1:]])
    elif how == "too large":
        lake.write(name, pictures, **{first: bytes(20_000)})
    elif how == "other pictures":
        lake.write(name, pictures[::-1])


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("missing", "archives/images_evaluation.zip could not be read: No such file or directory; --from wants"),
        ("a pipe", "archives/images_evaluation.zip is no plain file; --from wants"),
        ("cut off", "images_evaluation.zip is cut off or another file"),
        ("another digest", "images_evaluation.zip is cut off or another file"),
        ("cut off and signed", "images_evaluation.zip could not be read (BadZipFile"),
        ("foreign", "images_evaluation.zip has no images_evaluation/Ogham/character01/0001_01.png"),
        ("too few", "images_evaluation.zip has no images_evaluation/Ogham/character03/0003_20.png"),
        ("not an image", "character01/0001_01.png could not be read (UnidentifiedImageError"),
        ("half an image", "character01/0001_01.png could not be read ("),
        ("another size", "104 x 105 pixels of mode 1, expected 105 x 105 of one bit"),
        ("grey", "105 x 105 pixels of mode L, expected 105 x 105 of one bit"),
        ("too large", "more than 10000 bytes"),
        ("other pictures", "the checksum of images28 differs from that of Omniglot"),
    ],
)
def test_wrong_archives_are_one_sentence(
    how: str, sentence: str, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(lake, how)
    code, _, err = run([*FROM, "--out", "packed"], capsys)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert list(Path("packed").iterdir()) == []


def test_no_network_says_what_to_do(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def message() -> str:
        code, _, err = run(["data", "omniglot"], capsys)
        assert code == 2
        assert err.count("\n") == 1
        assert "give their folder with --from" in err
        return err

    assert "images_background.zip could not be fetched (Connection refused)" in message()
    monkeypatch.setattr(downloads, "SOURCE", "http://no-such-host.invalid")
    assert "could not be fetched (" in message()


def test_a_wrong_answer_of_the_server_is_an_error(server: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    (server.folder / NAMES[0]).write_bytes(b"<html>")
    assert "images_background.zip is cut off or another file: 6 bytes" in run(["data", "omniglot"], capsys)[2]
    (server.folder / NAMES[0]).unlink()
    assert "could not be fetched (HTTP 404)" in run(["data", "omniglot"], capsys)[2]


def test_folders_that_do_not_exist_are_errors(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    code, _, err = run([*FROM, "--out", "file/packed"], capsys)
    assert code == 2
    assert "file/packed/omniglot.npz cannot be written" in err
    code, _, err = run(["data", "omniglot", "--from", "file"], capsys)
    assert code == 2
    assert "--from is 'file', expected a folder" in err


def test_a_full_disk_leaves_no_incomplete_file(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, **_: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    code, _, err = run([*FROM, "--out", "packed"], capsys)
    assert code == 2
    assert "packed/omniglot.npz cannot be written: No space left on device" in err
    assert list(Path("packed").iterdir()) == []


def test_the_shipped_facts_are_those_of_the_literature() -> None:
    """964 and 659 characters; 4112, 688 and 1692 with their turns; 10 alphabets in two one-shot runs of 20 each."""
    facts = omniglot_pack.facts()
    assert np.bincount(facts["split_lake"]).tolist() == [964, 659]
    assert (4 * np.bincount(facts["split_vinyals"])).tolist() == [4112, 688, 1692]
    assert sorted(facts["image_id"].tolist()) == list(range(1, 1624))
    assert [int(np.isin(facts["alphabet"], facts[k]).sum()) for k in ("small1", "small2")] == [136, 156]
    support, query, label = (facts[f"oneshot_{k}"] for k in ("support", "query", "label"))
    assert support.shape == query.shape == (20, 20, 2)
    assert np.array_equal(np.take_along_axis(support[..., 0], label.astype(int), 1), query[..., 0])
    assert (facts["split_lake"][support[..., 0]] == 1).all()
    alphabets = facts["alphabet"][support[..., 0]]
    assert (alphabets == alphabets[:, :1]).all()
    assert len(set(alphabets[:, 0].tolist())) == 10
    names = [name for part in omniglot_pack.ARCHIVES for name in omniglot_pack.members(part)]
    assert len(set(names)) == 32460
    assert names[0] == "images_background/Alphabet_of_the_Magi/character01/0709_01.png"
    assert names[-1] == "images_evaluation/ULOG/character26/1623_20.png"


def real_file() -> Path | None:
    try:
        found = omniglot.find_file()
    except FileNotFoundError:
        return None
    return found if found.name == omniglot.FILES[0] else None


@pytest.mark.skipif(real_file() is None, reason="no packed Omniglot: METARL_DATA is not set")
def test_the_shipped_facts_are_those_of_the_packed_file() -> None:
    path = real_file()
    assert path is not None
    assert omniglot_pack.is_whole(path)
    with np.load(path) as file:
        for name, array in omniglot_pack.facts().items():
            assert file[name].dtype == array.dtype
            assert np.array_equal(file[name], array)


@pytest.mark.slow
@pytest.mark.skipif(real_file() is None, reason="no packed Omniglot: METARL_DATA is not set")
def test_the_true_pictures_give_the_identical_files() -> None:
    """Every picture of the packed file as a PNG in two archives, packed again."""
    path = real_file()
    assert path is not None
    pixels = iter(omniglot.load(str(path), size=105).pixels.flatten(0, 1).numpy())
    archives = {}
    for part in omniglot_pack.ARCHIVES:
        content = io.BytesIO()
        with ZipFile(content, "w") as archive:
            for member in omniglot_pack.members(part):
                archive.writestr(member, png(Image.fromarray(next(pixels) == 0)))
        archives[part] = content.getvalue()
    packed = omniglot_pack.pack(archives, lambda _: None)
    with np.load(path) as file:
        assert set(file.files) == set(packed)
        assert all(np.array_equal(file[name], array) for name, array in packed.items())


@pytest.fixture
def packed(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packed file of the true shape, of noise, where nothing but --data finds it."""
    monkeypatch.setenv("METARL_DATA", str(workdir / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(workdir / "nowhere"))
    noise = np.random.default_rng(0).integers(0, 256, (omniglot.CLASSES, 20, 98), np.uint8)
    path = workdir / "my images" / "omniglot28.npz"
    path.parent.mkdir()
    np.savez(path, images28=noise, **omniglot_pack.facts())  # type: ignore[arg-type]
    return path


def test_data_says_where_omniglot_is(
    packed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(*words: str) -> str:
        monkeypatch.setenv("METARL_DATA", "nowhere")  # as if each verb were a process of its own
        code, out, err = run(list(words), capsys)
        assert code == 0, err
        return out

    small = "--tasks.way 3 --tasks.query 1 --train.iterations 2 --train.num_tasks 2 --train.num_threads 1".split()
    small += ["--learner.embedding.channels", "4"]
    out = done("train", "maml_omniglot", "--data", str(packed.parent), *small)
    assert f"--data '{packed.parent}'" in out
    command = (folder.find("maml_omniglot").path / "command.txt").read_text()
    assert f"--data '{packed.parent}'" in command
    done("resume", "maml_omniglot", "--data", str(packed))
    evaluated = done("evaluate", "maml_omniglot", "--data", str(packed), "--tasks", "4", "--shots", "1", "--json")
    assert json.loads(evaluated)[0]["results"][0]["episodes"] == 4
    done("record", "maml_omniglot", "--data", str(packed), "--out", "episode.png")
    monkeypatch.setenv("METARL_DATA", "nowhere")
    code, _, err = run(["resume", "maml_omniglot"], capsys)
    assert code == 2
    assert "there is no packed Omniglot in nowhere" in err
    assert "metarl data omniglot" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["train", "maml_omniglot", "--data", "no/where"],
            "--data is 'no/where', which is no packed Omniglot and holds",
        ),
        (
            ["train", "quickstart", "--data", "."],
            "--data says where Omniglot lies, and these tasks are of something else",
        ),
        (["train", "maml_omniglot", "--tasks.data", "glyphs", "--data", "."], "these tasks are of something else"),
        (["record", "--tasks", "AntStairsUp", "--data", "."], "--data is for a run on images"),
    ],
)
def test_data_where_there_is_none(
    words: list[str], sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(words, capsys)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert list(workdir.iterdir()) == []
