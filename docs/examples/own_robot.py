"""A robot from an MJCF file, a reward of its own, and a distribution of tasks to train on."""

from pathlib import Path

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.robots.robot import Robot
from metarl.config import files
from metarl.training.trainer import Trainer


class Cart(Robot):  # what is left out is found from the model
    model_file = Path(__file__).with_name("cart.xml")
    frame_skip = 2
    reset_noise = 0.01


def reward(motion, task):  # position and velocity [W, 1] in m and m/s; the numbers of each task, [W]
    return -(motion.velocity[:, 0] - task["speed"]).abs()


if __name__ == "__main__":
    speed = Variable("speed", train=((0.0, 2.0),), ood=((2.0, 3.0),))
    mass = Variable("mass", train=((0.5, 2.0),), spacing="log")
    family = Locomotion(Cart, (speed, mass), reward=reward)
    trainer = Trainer(files.load(files.find("maml_cheetah_velocity")), family=family)
    for _ in range(3):
        print(trainer.iterate()["return_after"])
