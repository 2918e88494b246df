"""An option that a run has no use for is refused, also with the value that it has by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarl.cli import app as cli

SMALL = "--train.iterations 1 --train.num_tasks 2 --train.num_threads 1".split()
POLICY = [*SMALL, "--train.episodes", "2", "--tasks.horizon", "3"]
IMAGES = [*SMALL, *"--tasks.data glyphs --tasks.way 3 --tasks.shot 1 --tasks.query 2".split()]
IMAGES += ["--learner.embedding.channels", "4"]
TRAINED = {"maml_point": POLICY, "prototypical_omniglot": IMAGES, "maml_sinusoid": SMALL}
WRONG = {
    "maml_point": "--shots 1,--shots 1 5,--ways 7,--bn support,--lake,--no-lake",
    "prototypical_omniglot": "--after 0 1,--repeats 4,--simulator cpu,--device=auto",
    "maml_sinusoid": "--after 0 1,--shots 1,--ways 5,--bn running,--repeats 2",
}
COMPARED = {
    "maml_point": "--shots 1 5,--ways 5,--bn support",
    "prototypical_omniglot": "--after 0 1,--report-at 3,--repeats 4",
}


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    return int(caught.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("name", TRAINED)
def test_options_that_do_not_apply_are_refused(name: str, workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", name, *TRAINED[name]], capsys)[0] == 0
    tried = [("evaluate", options) for options in WRONG[name].split(",")]
    tried += [("compare", options) for options in COMPARED.get(name, "").split(",") if options]
    for verb, options in tried:
        code, err = run([verb, name, *options.split()], capsys)
        option = options.split()[0].partition("=")[0].replace("--no-", "--")
        assert code == 2, (verb, options)
        assert err.startswith(f"error: {option} is for runs o"), err
        assert "leave it out" in err
        assert err.count("\n") == 1


def test_what_applies_is_taken(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "maml_point", *POLICY], capsys)[0] == 0
    words = "--after 0 1 --repeats 1 --tasks 2 --simulator cpu --device cpu --json".split()
    assert run(["evaluate", "maml_point", *words], capsys) == (0, "")


@pytest.mark.parametrize("options", ["--steps 2", "--data x", "--alphas 0.1 0.2"])
def test_estimators_refuse_what_is_of_gradients(
    options: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = run(["analyse", "estimators", *options.split()], capsys)
    assert code == 2
    assert f"leave out {options.split()[0]}" in err.replace("the config and ", "")
