"""Settings: every shipped config, and mistakes that must be named in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.legged.defaults import WEIGHTS
from metarl.config import files as settings
from metarl.errors import UserError

QUICKSTART = settings.find("maml_slope")


@pytest.mark.parametrize("name", settings.names())
def test_a_config_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    config = settings.load(settings.find(name))
    (tmp_path / "config.yaml").write_text(settings.dump(config))
    assert settings.load(tmp_path / "config.yaml") == config


@pytest.mark.parametrize("name", settings.names())
def test_every_key_of_a_shipped_config_is_known_and_every_file_says_what_it_is(name: str) -> None:
    text = settings.find(name).read_text()
    assert text.startswith("# ")
    assert len(text.splitlines()[0]) > 20


def test_the_slope_configs_have_the_same_tasks() -> None:
    quick, oracle, maml = (settings.load(settings.find(n)) for n in ("quickstart", "quickstart_oracle", "maml_slope"))
    units = {"action_scale": 1.0}  # of actions; the worlds are the same
    assert maml.tasks.model_copy(update=units) == quick.tasks == oracle.tasks


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--learner.inner_lrr 3", "--learner.inner_lrr is not a setting; did you mean --learner.inner_lr?"),
        ("--train.tasks 3", "--train.tasks is not a setting; did you mean --train.num_tasks?"),
        ("--trian.iterations 3", "--trian.iterations is not a setting; did you mean --train.iterations?"),
        ("--learner.inner_lr -1", "--learner.inner_lr is -1; input should be greater than 0"),
        ("--learner.inner_lr 1e308", "--learner.inner_lr is 1e+308; input should be less than or equal to 1000000"),
        ("--learner.inner_lr .inf", "--learner.inner_lr is inf; input should be a finite number"),
        ("--learner.kind mamal", "--learner.kind is 'mamal'; did you mean maml?"),
        ("--outer.kind gradient", "is not a setting"),
        ("--outer.kind pppo", "--outer.kind is 'pppo'; did you mean ppo?"),
        ("--tasks.kind locomotoin", "--tasks.kind is 'locomotoin'; did you mean locomotion?"),
        ("--tasks.vary.slop 3", "tasks.vary: 'slop' is not a variable; did you mean slope_deg?"),
        ("--tasks.vary.slope_deg.trian [1,2]", "trian is not a setting; did you mean --tasks.vary.slope_deg.train?"),
        ("--tasks.vary.slope_deg.train [2,1]", "tasks.vary.slope_deg: the range [2, 1] is empty"),
        ("--tasks.vary.slope_deg.ood [0,3]", "the ood range [0, 3] overlaps what is trained on"),
        ("--tasks.vary.slope_deg.train [[0,8],[2,6]]", "the ranges [0, 8] and [2, 6] overlap"),
        ("--tasks.vary.slope_deg.train [1,1.00001]", "is too narrow"),
        ("--tasks.vary.direction 0", "direction is one of the choices -1 and 1"),
        ("--tasks.vary.slope_deg 80", "slope_deg 80 lies outside [-60, 60]"),
        ("--tasks.vary.velocity 1", "exactly one goal"),
        ("--tasks.vary 3", "--tasks.vary is 3"),
        ("--tasks.robot half_cheeta", "--tasks.robot is 'half_cheeta'; did you mean half_cheetah?"),
        ("--tasks.horizon 0", "--tasks.horizon is 0; input should be greater than or equal to 1"),
        ("--policy.hidden 0", "--policy.hidden.0 is 0; input should be"),
        ("--train.iterations many", "--train.iterations is 'many'; input should be a valid integer"),
        ("--train.iterations", "--train.iterations needs a value"),
        ("--train.iterations [", "could not be read"),
        ("--advantage.gamma 1.5", "--advantage.gamma is 1.5; input should be less than or equal to 1"),
        ("--seed.x 3", "seed is not a section"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(words: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        settings.load(QUICKSTART, settings.split_overrides(words.split())[1])
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "could not be read as YAML"),
        ("- 1", "holds a list, expected a mapping"),
        ("!!python/object/apply:os.system ['true']", "could not be read as YAML"),
        ("seed: 0", "tasks is missing"),
    ],
)
def test_a_broken_file_is_named(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine.yaml") as caught:
        settings.load(path)
    assert sentence in str(caught.value)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match=r"did you mean quickstart\?"):
        settings.find("quikstart")


def test_reptile_needs_the_outer_step_that_suits_it(small) -> None:  # noqa: ANN001
    with pytest.raises(UserError, match=r"learner reptile needs outer.kind gradient"):
        small("reptile_cheetah_direction", outer={"kind": "trpo"})
    with pytest.raises(UserError, match=r"learner maml needs outer.kind ppo or trpo"):
        small("maml_point", outer={"kind": "gradient"})


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("maml_point", {"learner__estimator": "emaml", "outer": {"kind": "trpo"}}, "outer.kind trpo leaves it out"),
        ("maml_point", {"learner__estimator": "emaml", "train__episodes": 1}, "compares episodes with each other"),
        ("reptile_robot", {"learner__inner_optimizer": "adam", "outer__optimizer": "adam"}, "has to be sgd"),
        ("maml_point", {"outer": {"kind": "trpo"}}, "learner.each_round is for outer.kind ppo"),
        ("maml_sinusoid", {"learner__inner_lr_decay": 0.5}, "a supervised task has one round"),
        ("maml_omniglot", {"learner__each_round": True}, "a supervised task has one round"),
        ("maml_point", {"outer__minibatches": 4}, "outer.minibatches is 4, but there are only 3 tasks"),
        ("gru_point", {"outer__minibatches": 7}, "outer.minibatches is 7, but there are only 6 trials"),
        (
            "maml_point",
            {"policy__critic_hidden": [8]},
            "policy.critic_hidden is for learners with a value function: maml",
        ),
        (
            "maml_point",
            {"policy__critic_observes_task": False},
            "policy.critic_observes_task is for learners with a value",
        ),
        ("reptile_robot", {"advantage__bootstrap": False}, "advantage.bootstrap is for learners with a value function"),
        (
            "maml_point",
            {"outer__value_coef": 1.0},
            "outer.value_coef is for learners with a value function: maml predicts",
        ),
        ("maml_sinusoid", {"policy__critic_hidden": [8]}, "policy and advantage are for learners that act"),
        ("joint_robot", {"outer__minibatches": 7}, "outer.minibatches is 7, but there are only 6 worlds"),
        ("maml_sinusoid", {"learner": {"kind": "reptile", "clip_coef": 0.2}}, "supervised tasks have no actions"),
        ("metanet_point", {"learner__channels": 8}, "learner.channels is for tasks of kind fewshot"),
        (
            "metanet_sinusoid",
            {"learner__representation": "verification"},
            "representation verification and siamese need classes",
        ),
        (
            "metanet_point",
            {"policy__hidden": []},
            "takes its keys from the last hidden layer: policy.hidden must not be empty",
        ),
        ("metanet_point", {"policy__min_std": 0.1}, "policy.min_std is without effect on learner metanet"),
        ("joint_robot", {"policy__init_std": 0.1, "policy__min_std": 0.2}, "min_std 0.2 is above init_std 0.1"),
        ("metanet_omniglot", {"learner__rounds": 2}, "a supervised task has one support"),
        ("metanet_point", {"outer": {"kind": "gradient"}}, "learner metanet needs outer.kind ppo or trpo"),
        (
            "lstm_meta_learner_omniglot",
            {"learner__gates": "direct", "learner__hidden": 3},
            "with gates direct leave it",
        ),
        (
            "matching_omniglot",
            {"learner__distance": "l2", "learner__scale": 1.0},
            "scale is of the cosine: with distance",
        ),
        ("siamese_omniglot", {"tasks__channels": 3}, "channels is for data folder: with data glyphs leave it out"),
        ("siamese_omniglot", {"tasks__path": "a"}, "path is for data folder: with data glyphs leave it out"),
        ("siamese_omniglot", {"tasks__data": "folder", "tasks__resize": "area"}, "resize is for characters: with data"),
        ("siamese_omniglot", {"tasks__data": "folder", "tasks__shares": [0.5, 0.5, 0]}, "shares are [0.5, 0.5, 0.0],"),
        ("siamese_omniglot", {"tasks__shot": 20}, "shot and query are at most 19: a character has 20 drawings"),
        (
            "siamese_omniglot",
            {"tasks__resize": "area"},
            "resize says how images of Omniglot become smaller: with data glyphs leave it out",
        ),
        ("siamese_koch", {"tasks__data": "omniglot", "tasks__resize": "area"}, "with size 105 leave it out"),
        ("joint_dog", {"tasks__reward": dict.fromkeys(WEIGHTS, 0.0)}, "reward has no term with a weight other than 0"),
        ("siamese_koch", {"tasks__size": 28}, "network koch sees 105 x 105 pixels: tasks.size is 28"),
        ("siamese_omniglot", {"tasks__size": 105}, "learner siamese sees 28 x 28 to 84 x 84 pixels: tasks.size is 105"),
        (
            "relation_omniglot",
            {"tasks__size": 105},
            "learner relation sees 28 x 28 to 84 x 84 pixels: tasks.size is 105",
        ),
        ("siamese_koch", {"tasks__size": 64}, "network koch sees 105 x 105 pixels: tasks.size is 64"),
        ("siamese_koch", {"learner__bn": "support"}, "leave out embedding and bn"),
        ("siamese_koch", {"learner__l2": {"dens": 0.1}}, "l2 has no layer 'dens'; did you mean dense?"),
        ("siamese_omniglot", {"learner__l2": {"dense": 0.1}}, "l2 has no layer 'dense'; expected one of conv0"),
        ("siamese_omniglot", {"learner__l2": {"conv0": -1}}, "learner.l2.conv0 is -1"),
    ],
)
def test_settings_that_do_not_go_together_are_said(
    name: str,
    changes: dict[str, object],
    sentence: str,
    small,  # noqa: ANN001
) -> None:
    with pytest.raises(UserError) as caught:
        small(name, **changes)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_keep_their_values() -> None:
    words = ["train", "maml_slope", "--tasks.vary.slope-deg.train=[-1,1]", "--seed", "3", "--learner.inner-lr", "1e-1"]
    own, overrides = settings.split_overrides(words)
    assert own == ["train", "maml_slope", "--seed", "3"]
    assert settings.load(QUICKSTART, overrides).learner.inner_lr == 0.1  # type: ignore[union-attr]


def test_a_section_has_to_be_one() -> None:
    with pytest.raises(UserError, match=r"--learner is 3, expected a section"):
        settings.load(QUICKSTART, {"learner": 3})


def test_a_section_without_a_kind_is_told_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(QUICKSTART.read_text().replace("  kind: maml\n", ""))
    with pytest.raises(UserError, match=r"mine.yaml: learner needs a 'kind', one of cavia, gru"):
        settings.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,  # more digits than Python turns into a number
        '!!bool "abc"',
        '!!int ""',
        '!!float "abc"',
        '!!timestamp "abc"',
        "2001-13-45",
        "{a: " * 40 + "1" + "}" * 40,
        "[" * 5000 + "]" * 5000,
    ],
    ids=["digits", "bool", "int", "float", "timestamp", "date", "deep", "deepest"],
)
def test_a_value_that_yaml_cannot_hold_is_one_sentence(value: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"seed: {value}\n" + settings.find("maml_point").read_text().split("seed: 0\n")[1])
    with pytest.raises(UserError) as error:
        settings.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    with pytest.raises(UserError):
        settings.load(settings.find("maml_point"), settings.split_overrides([f"--train.iterations={value}"])[1])


def test_aliases_that_multiply_are_not_followed(tmp_path: Path) -> None:
    """Forty lists of two aliases each stand for 2^40 values; the file has 41 lines."""
    path = tmp_path / "mine.yaml"
    lists = [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 41)]
    path.write_text("\n".join(["a0: &a0 [1]", *lists]))
    with pytest.raises(UserError, match="holds more than 10,000 values"):
        settings.read_yaml(path)
