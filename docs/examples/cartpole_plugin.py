"""Gymnasium's CartPole, with poles of unknown mass and length: a family of tasks made of an environment."""

from typing import Any, Literal

from envs.task_settings import ON_THREADS, Simulation, TaskSettings


class Settings(TaskSettings):
    """A cart that balances a pole of unknown mass and length."""

    kind: Literal["cartpole"] = "cartpole"

    def build(self, simulation: Simulation = ON_THREADS) -> Any:
        import gymnasium

        from envs.core import Variable
        from envs.gymnasium_tasks import GymnasiumTasks

        class Poles(GymnasiumTasks):
            def set_task(self, env, task):
                cart = env.unwrapped
                cart.masspole, cart.length = task["mass"], task["length"]
                cart.total_mass = cart.masscart + cart.masspole
                cart.polemass_length = cart.masspole * cart.length

        mass = Variable("mass", train=((0.05, 0.5),), ood=((0.5, 1.0),))  # kg
        length = Variable("length", train=((0.3, 1.0),), ood=((1.0, 1.5),))  # m, half of the pole
        return Poles(lambda: gymnasium.make("CartPole-v1"), (mass, length), horizon=200)
