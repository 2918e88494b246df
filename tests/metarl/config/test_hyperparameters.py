"""Every setting matters: changing it changes what is learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from metarl.config.experiment import Config
from metarl.training.make import make_trainer

OTHERS = ("inner_lr", "value.", "ret.", "seen.")  # of parameters
EFFECTS: list[tuple[str, str, Any]] = [
    ("maml_cheetah_direction", "seed", 1),
    ("maml_cheetah_direction", "tasks.horizon", 9),
    ("maml_cheetah_direction", "tasks.action_scale", 5.0),
    ("maml_cheetah_direction", "tasks.ctrl_cost", 0.5),
    ("maml_cheetah_direction", "tasks.physics", "gymnasium"),
    ("maml_cheetah_direction", "tasks.vary.friction", 0.1),
    ("maml_cheetah_direction", "tasks.vary.slope_deg", 5.0),
    ("maml_cheetah_direction", "policy.init_std", 0.5),
    ("maml_cheetah_direction", "policy.last_gain", 0.5),
    ("maml_cheetah_direction", "policy.activation", "elu"),
    ("maml_cheetah_direction", "learner.inner_lr", 0.2),
    ("maml_cheetah_direction", "learner.inner_steps", 2),
    ("maml_cheetah_direction", "learner.rounds", 2),
    ("maml_cheetah_direction", "learner.first_order", True),
    ("maml_cheetah_direction", "learner.learn_inner_lr", False),
    ("maml_cheetah_direction", "outer.outer_lr", 0.01),
    ("maml_cheetah_direction", "outer.num_epochs", 2),
    ("maml_cheetah_direction", "outer.clip_coef", 1e-4),
    ("maml_cheetah_direction", "outer.kl_coef", 0.5),
    ("maml_cheetah_direction", "outer.max_grad_norm", 1e-12),
    ("maml_cheetah_direction", "outer.target_kl", 1e-7),
    ("maml_cheetah_direction", "outer.desired_kl", 1e-7),
    ("maml_cheetah_direction", "outer.lr_anneal", True),
    ("maml_cheetah_direction", "advantage.gamma", 0.5),
    ("maml_cheetah_direction", "advantage.gae_lambda", 0.5),
    ("maml_cheetah_direction", "advantage.baseline", "hierarchical"),
    ("maml_cheetah_direction", "train.num_tasks", 4),
    ("maml_cheetah_direction", "train.episodes", 4),
    ("maml_trpo_cheetah_direction", "outer.max_kl", 0.1),
    ("maml_trpo_cheetah_direction", "outer.cg_iterations", 1),
    ("maml_trpo_cheetah_direction", "outer.damping", 10.0),
    ("maml_point", "tasks.action_scale", 3.0),
    ("maml_point", "learner.inner_lr_decay", 1.0),
    ("maml_point", "learner.each_round", False),
    ("reptile_cheetah_direction", "learner.inner_lr", 0.2),
    ("reptile_cheetah_direction", "learner.inner_steps", 2),
    ("reptile_cheetah_direction", "learner.rounds", 2),
    ("reptile_cheetah_direction", "outer.outer_lr", 0.1),
    ("reptile_cheetah_direction", "outer.optimizer", "adam"),
    ("reptile_cheetah_direction", "outer.max_grad_norm", 1e-12),
    ("reptile_robot", "learner.clip_coef", 1e-4),
    ("joint_robot", "policy.critic_hidden", [6]),
    ("joint_robot", "policy.critic_observes_task", False),
    ("joint_robot", "outer.value_coef", 0.1),
    ("joint_robot", "outer.minibatches", 5),
    ("joint_robot", "advantage.bootstrap", False),
    ("gru_robot", "policy.critic_observes_task", False),
    ("hypernetwork_robot", "learner.embedding", 3),
    ("hypernetwork_robot", "learner.split_max", True),
    ("hypernetwork_robot", "learner.head_observes_memory", True),
    ("gru_robot", "advantage.bootstrap", False),
    ("quickstart_oracle", "outer.kl_coef", 0.5),
    ("sac_robot", "seed", 1),
    ("sac_robot", "policy.hidden", [6]),
    ("sac_robot", "policy.activation", "tanh"),
    ("sac_robot", "policy.last_gain", 1.0),
    ("sac_robot", "learner.told_task", True),
    ("sac_robot", "learner.tau", 0.5),
    ("sac_robot", "learner.target_entropy", -1.0),
    ("sac_robot", "learner.init_alpha", 0.1),
    ("sac_robot", "outer.outer_lr", 0.01),
    ("sac_robot", "outer.batch_size", 9),
    ("sac_robot", "outer.updates_per_step", 0.5),
    ("sac_robot", "outer.learning_starts", 20),
    ("sac_robot", "outer.replay_size", 20),
    ("maml_robot", "learner.normalize_inputs", True),
    ("sac_robot", "advantage.gamma", 0.5),
    ("recurrent_sac_robot", "seed", 1),
    ("recurrent_sac_robot", "policy.hidden", [6]),
    ("recurrent_sac_robot", "policy.activation", "tanh"),
    ("recurrent_sac_robot", "policy.last_gain", 0.5),
    ("recurrent_sac_robot", "learner.hidden", 6),
    ("recurrent_sac_robot", "learner.rounds", 0),
    ("recurrent_sac_robot", "learner.tau", 0.5),
    ("recurrent_sac_robot", "learner.target_entropy", -1.0),
    ("recurrent_sac_robot", "learner.init_alpha", 0.1),
    ("recurrent_sac_robot", "outer.outer_lr", 0.01),
    ("recurrent_sac_robot", "outer.batch_size", 5),
    ("recurrent_sac_robot", "outer.length", 5),
    ("recurrent_sac_robot", "outer.burn_in", 0),
    ("recurrent_sac_robot", "outer.updates", 4),
    ("recurrent_sac_robot", "outer.replay_size", 60),
    ("recurrent_sac_robot", "advantage.gamma", 0.5),
    ("pearl_robot", "seed", 1),
    ("pearl_robot", "policy.hidden", [6]),
    ("pearl_robot", "policy.activation", "tanh"),
    ("pearl_robot", "policy.last_gain", 0.5),
    ("pearl_robot", "learner.latent", 3),
    ("pearl_robot", "learner.encoder", [6]),
    ("pearl_robot", "learner.kl_coef", 1.0),
    ("pearl_robot", "learner.next_state", True),
    ("pearl_robot", "learner.tau", 0.5),
    ("pearl_robot", "learner.target_entropy", -1.0),
    ("pearl_robot", "learner.init_alpha", 0.1),
    ("pearl_robot", "outer.outer_lr", 0.01),
    ("pearl_robot", "outer.meta_batch", 3),
    ("pearl_robot", "outer.batch_size", 9),
    ("pearl_robot", "outer.context_size", 7),
    ("pearl_robot", "outer.updates", 5),
    ("pearl_robot", "outer.collected_tasks", 3),
    ("pearl_robot", "outer.prior_episodes", 2),
    ("pearl_robot", "outer.posterior_episodes", 0),
    ("pearl_robot", "outer.initial_episodes", 2),
    ("pearl_robot", "outer.replay_size", 20),
    ("pearl_robot", "train.num_tasks", 4),
    ("pearl_robot", "advantage.gamma", 0.5),
    ("varibad_robot", "learner.latent", 3),
    ("varibad_robot", "learner.decoder", [5]),
    ("varibad_robot", "learner.decode_state", True),
    ("varibad_robot", "learner.kl_coef", 10.0),
    ("varibad_robot", "learner.vae_coef", 3.0),
    ("varibad_robot", "learner.terms", 2),
    ("varibad_robot", "learner.decoded", 2),
    ("joint_robot", "tasks.substeps", 2),
    ("maml_cheetah_direction", "tasks.physics", "default"),
    ("joint_dog_flat", "tasks.physics", "pyramidal"),
    ("sb3_ppo_robot", "seed", 1),
    ("sb3_ppo_robot", "tasks.action_scale", 10.0),
    ("sb3_ppo_robot", "policy.activation", "elu"),
    ("sb3_ppo_robot", "policy.last_gain", 1.0),
    ("sb3_ppo_robot", "policy.critic_hidden", [5]),
    ("sb3_ppo_robot", "policy.init_std", 1.0),
    ("sb3_ppo_robot", "outer.learning_rate", 0.01),
    ("sb3_ppo_robot", "outer.n_epochs", 3),
    ("sb3_ppo_robot", "outer.batch_size", 30),
    ("sb3_ppo_robot", "outer.clip_range", 1e-4),
    ("sb3_ppo_robot", "outer.ent_coef", 0.1),
    ("sb3_ppo_robot", "outer.vf_coef", 5.0),
    ("sb3_ppo_robot", "outer.max_grad_norm", 1e-3),
    ("sb3_ppo_robot", "advantage.gamma", 0.5),
    ("sb3_ppo_robot", "advantage.gae_lambda", 0.5),
    ("sb3_ppo_robot", "train.num_tasks", 4),
    ("sb3_ppo_robot", "train.episodes", 4),
    ("prototypical_omniglot", "seed", 1),
    ("prototypical_omniglot", "tasks.way", 4),
    ("prototypical_omniglot", "tasks.shot", 2),
    ("prototypical_omniglot", "tasks.query", 3),
    ("prototypical_omniglot", "tasks.size", 29),
    ("prototypical_omniglot", "learner.bn", "support"),
    ("prototypical_omniglot", "learner.embedding.channels", 8),
    ("prototypical_omniglot", "learner.embedding.down", "stride"),
    ("siamese_omniglot", "outer.lr_halve_every", 1),
    ("prototypical_omniglot", "train.num_tasks", 4),
    ("maml_omniglot", "learner.inner_lr", 0.2),
    ("maml_omniglot", "learner.first_order", True),
    ("maml_omniglot", "learner.inner_steps", 2),
    ("maml_omniglot", "learner.embedding.down", "pool"),
    ("reptile_omniglot", "learner.inner_steps", 2),
    ("reptile_omniglot", "learner.inner_optimizer", "adam"),
    ("reptile_omniglot", "outer.lr_anneal", False),
    ("ntm_copy", "learner.controller", "lstm"),
    ("lstm_meta_learner_omniglot", "learner.inner_steps", 2),
    ("lstm_meta_learner_omniglot", "learner.gates", "direct"),
    ("lstm_meta_learner_omniglot", "learner.hidden", 3),
    ("lstm_meta_learner_omniglot", "learner.input_bias", -2.0),
    ("lstm_meta_learner_omniglot", "learner.embedding.channels", 8),
    ("lstm_meta_learner_point", "learner.rounds", 2),
    ("lstm_meta_learner_point", "outer.kl_coef", 0.5),
    ("maml_sinusoid", "tasks.shot", 4),
    ("maml_sinusoid", "tasks.query", 4),
    ("maml_sinusoid", "tasks.variant", "reptile"),
    ("maml_sinusoid", "learner.inner_lr", 0.2),
    ("cavia_sinusoid", "learner.context", 7),
    ("cavia_sinusoid", "learner.first_order", True),
    ("cavia_omniglot", "learner.context", 7),
    ("cavia_omniglot", "learner.inner_lr", 0.2),
    ("cavia_omniglot", "learner.embedding.channels", 8),
    ("metanet_omniglot", "learner.channels", 8),
    ("metanet_omniglot", "learner.representation", "verification"),
    ("metanet_omniglot", "learner.representation", "siamese"),
    ("metanet_omniglot", "learner.slices", 2),
    ("metanet_omniglot", "learner.log_range", 3.0),
    ("metanet_omniglot", "learner.hidden", 4),
    ("metanet_omniglot", "learner.fast_gain", 0.5),
    ("metanet_omniglot", "learner.attention_scale", 1.0),
    ("metanet_point", "learner.rounds", 2),
    ("metanet_point", "outer.kl_coef", 0.5),
    ("metanet_sinusoid", "learner.slices", 2),
    ("matching_omniglot", "learner.distance", "l2"),
    ("matching_omniglot", "learner.scale", 1.0),
    ("matching_omniglot", "learner.fce", True),
    ("relation_omniglot", "learner.bn", "support"),
    ("siamese_omniglot", "learner.embedding.down", "stride"),
    ("siamese_omniglot", "learner.l2", {"distance": 0.1}),
    ("siamese_omniglot", "tasks.distort", True),
    ("siamese_omniglot", "tasks.one_alphabet", True),
]


def test_the_nearest_rule_changes_what_is_learned_from_several_shots(small: Callable[..., Config]) -> None:
    means, nearest = (learned(small("siamese_omniglot", tasks__shot=2, learner__rule=r)) for r in ("mean", "nearest"))
    assert nearest.isfinite().all()
    assert not torch.equal(means, nearest)


def learned(config: Config) -> torch.Tensor:
    """The weights of the learner, or of its policy alone where it has a value function too, after two iterations."""
    trainer = make_trainer(config)
    for _ in range(2):
        trainer.iterate()
    return torch.cat([v.flatten() for k, v in trainer.state.theta.items() if not k.startswith(OTHERS)])


@pytest.mark.parametrize(("name", "key", "value"), EFFECTS, ids=[f"{n}-{k}" for n, k, _ in EFFECTS])
def test_changing_it_changes_what_is_learned(
    name: str, key: str, value: Any, small: Callable[..., Config], plain: dict[str, torch.Tensor]
) -> None:
    changed = learned(small(name, **{key.replace(".", "__"): value}))
    if name not in plain:
        plain[name] = learned(small(name))
    assert changed.isfinite().all()
    assert not torch.equal(changed, plain[name])


@pytest.fixture(scope="module")
def plain() -> dict[str, torch.Tensor]:
    """What each config learns unchanged, worked out once."""
    return {}


def test_the_line_search_length_matters(small: Callable[..., Config]) -> None:
    """With a bound that the quadratic model overshoots, one try fails where fifteen find a step."""
    moved = []
    for tries in (1, 15):
        config = small(
            "maml_trpo_cheetah_direction", outer__max_kl=50.0, outer__damping=0.0, outer__line_search_steps=tries
        )
        moved.append(learned(config))
    assert not torch.equal(*moved)
