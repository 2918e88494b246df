"""RMA: who acts on what, and which loss moves what."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.advantages import trial_advantages
from agents.learner import Episode, Params, Transitions
from agents.memory.rma import REGULARISATION, RMA
from agents.nn.cores import GRU
from agents.nn.critic import Critic
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.objectives import clipped_policy_gradient

OBS, ACT, TOLD, LATENT = 2, 1, 3, 2
SEEN = OBS + ACT + 2
LENGTH, TRIALS = 5, 4
FLAGS = torch.tensor([1.0, 1.0, 0.0, 0.0])  # of the trials: whether the teacher is heard

LEARNER = RMA(
    GRU(SEEN, 6),
    SEEN,
    GaussianMLP(SEEN + LATENT, ACT, (8,)),
    Critic(MLP(SEEN + TOLD, 8, 1), observes_task=True),
    clipped_policy_gradient(0.2),
    teacher=MLP(TOLD, 8, LATENT),
    student=MLP(6, LATENT),
    informed=0.5,
)


def experience() -> tuple[Params, Tensor, Tensor, Transitions]:
    """theta, inputs [L, B, I], what the teacher is told [L, B, D], and transitions with the flags behind the inputs."""
    generator = torch.Generator().manual_seed(0)
    theta = LEARNER.init(generator)

    def normal(*tail: int) -> Tensor:
        return torch.randn(LENGTH, TRIALS, *tail, generator=generator)

    x, told, act = normal(SEEN), normal(TOLD), normal(ACT)
    flagged = torch.cat([x, FLAGS[:, None].expand(LENGTH, -1, -1)], -1)
    alive = torch.ones(LENGTH, TRIALS, dtype=torch.bool)
    data = Transitions(flagged, act, normal(), normal(ACT), normal(ACT), normal(), alive, normal(), told)
    return theta, x, told, data


def gradients(loss: Tensor, theta: Params) -> dict[str, bool]:
    """By part of theta: whether the loss moves it."""
    names = [name for name in theta if theta[name].requires_grad]
    found = torch.autograd.grad(loss, [theta[name] for name in names], allow_unused=True)
    moved: dict[str, bool] = {}
    for name, gradient in zip(names, found, strict=True):
        part = name.split(".")[0]
        moved[part] = moved.get(part, False) or (gradient is not None and bool(gradient.abs().max() > 0))
    return moved


def test_steps_in_training_act_on_the_teacher_where_they_are_told_to_and_else_on_the_student() -> None:
    theta, x, told, data = experience()
    phi = LEARNER.initial_state(theta)
    memory = {k: v.expand(TRIALS, -1) for k, v in phi.items()}
    alone = {k: v.expand(TRIALS, -1) for k, v in phi.items()}
    for t in range(LENGTH):
        memory, out = LEARNER.step(theta, memory, torch.cat([data.x[t], told[t]], -1))
        alone, by_student = LEARNER.step(theta, alone, x[t])
        torch.testing.assert_close(out.mean[2:], by_student.mean[2:])
        assert not torch.allclose(out.mean[:2], by_student.mean[:2], atol=1e-4)
        for key in memory:  # the memory is the same: it never hears the teacher
            torch.testing.assert_close(memory[key], alone[key])


def test_the_policies_of_training_data_are_those_that_acted() -> None:
    """So that the KL to them is 0 before a step, also where the teacher acted."""
    theta, x, told, data = experience()
    phi = LEARNER.initial_state(theta)
    policies = LEARNER.apply_to(theta, phi, data)
    memory = {k: v.expand(TRIALS, -1) for k, v in phi.items()}
    for t in range(LENGTH):
        memory, out = LEARNER.step(theta, memory, torch.cat([data.x[t], told[t]], -1))
        torch.testing.assert_close(policies.mean[t], out.mean)
    assert not torch.allclose(policies.mean, LEARNER.apply(theta, phi, x).mean, atol=1e-4)


def test_steps_are_the_sequence() -> None:
    theta, x, _, _ = experience()
    phi = LEARNER.initial_state(theta)
    whole = LEARNER.apply(theta, phi, x)
    memory = {k: v.expand(TRIALS, -1) for k, v in phi.items()}
    for t in range(LENGTH):
        memory, out = LEARNER.step(theta, memory, x[t])
        torch.testing.assert_close(out.mean, whole.mean[t])


def test_the_loss_is_that_of_the_policies_that_acted_and_the_errors_between_teacher_and_student() -> None:
    theta, _, told, data = experience()
    teacher = {k.removeprefix("teacher."): v for k, v in theta.items() if k.startswith("teacher.")}
    z = LEARNER.teacher(teacher, told)
    memory = {k: v.expand(TRIALS, -1) for k, v in LEARNER.initial_state(theta).items()}
    errors, means, log_stds = [], [], []
    student = {k.removeprefix("student."): v for k, v in theta.items() if k.startswith("student.")}
    for t in range(LENGTH):
        memory, out = LEARNER.step(theta, memory, torch.cat([data.x[t], data.descriptor[t]], -1))
        guess = LEARNER.student(student, memory["h"])
        errors.append((1 + REGULARISATION) * (guess - z[t]).square().sum(-1))
        means.append(out.mean)
        log_stds.append(out.log_std.expand_as(out.mean))
    acted = type(out)(torch.stack(means), torch.stack(log_stds))
    value = LEARNER.value(theta, data.x, data.descriptor)
    expected = LEARNER.outer(acted, data) + 0.5 * LEARNER.critic.loss(theta, value, data) + torch.stack(errors).mean()
    torch.testing.assert_close(LEARNER.loss(theta, Episode((), data)), expected)


def test_the_policy_moves_the_teacher_where_it_was_heard_and_never_the_student() -> None:
    theta, _, _, data = experience()
    learned = {k: v.requires_grad_() for k, v in theta.items() if not k.startswith(("seen.", "ret."))}
    silent = RMA(**{**vars(LEARNER), "latent_coef": 0.0, "value_coef": 0.0})
    moved = gradients(silent.loss(theta | learned, Episode((), data)), learned)
    assert moved == {"controller": False, "policy": True, "value": False, "teacher": True, "student": False}
    unheard = data._replace(x=torch.cat([data.x[..., :-1], torch.zeros_like(data.x[..., -1:])], -1))
    assert not gradients(silent.loss(theta | learned, Episode((), unheard)), learned)["teacher"]


def test_statistics_of_inputs_leave_the_flag_out() -> None:
    theta, x, _, data = experience()
    updated = LEARNER.update_input_stats(theta, data)
    assert updated["seen.mean"].shape == (SEEN,)
    torch.testing.assert_close(updated["seen.mean"], x.flatten(0, 1).mean(0), rtol=1e-3, atol=1e-3)


def test_values_of_trials_are_told_everything() -> None:
    theta, _, told, data = experience()
    value = LEARNER.value(theta, data.x, told)
    assert value.shape == (LENGTH, TRIALS)
    assert not torch.equal(value, LEARNER.value(theta, data.x, told + 1))
    cut = torch.zeros(LENGTH, TRIALS, dtype=torch.bool)
    adv, _ = trial_advantages(data.ret, value, data.alive, cut, torch.zeros_like(cut), 0.9, 0.9)
    assert adv.isfinite().all()
