"""How much the advantages of a few episodes are worth: their correlation with those of forty, by baseline.

    python docs/examples/inner_baseline.py pearl-cheetah-dir 0.97

Fresh policies on 20 training tasks; the prior of `hierarchical` has seen 3 episodes of each of 250 other tasks.
"""

import sys

import torch

from agents.advantages import no_reduce
from agents.linear_prior import initial_prior, updated
from metarl.config import load
from metarl.evaluation.fine_tuning_search import first_episodes
from metarl.training.build import build_family, build_learner
from metarl.training.collect import AdvantageEstimator
from metarl.training.policies import SharedPolicy

NAME, GAMMA = (sys.argv[1], float(sys.argv[2])) if len(sys.argv) > 2 else ("pearl-point", 0.9)
OTHERS = 250

config = load("joint_robot", {"tasks": {"kind": "named", "name": NAME, "action_scale": 1.0}, "policy.init_std": 0.5})
family = build_family(config)
learner, generator = build_learner(config, family), torch.Generator().manual_seed(0)
theta = learner.init(generator)
policy = SharedPolicy(learner, theta, learner.initial_state(theta), None)
advantage = AdvantageEstimator(GAMMA, 0.95)
data = family.experience(family.sample(20, "train", generator), policy, 40, generator)
others = advantage(family.experience(family.sample(OTHERS, "train", generator), policy, 3, generator))
prior = updated(initial_prior(family.space.obs), others.x, others.ret, others.alive, no_reduce)
reference = advantage(data).adv

for episodes in (1, 3, 12):
    few = first_episodes(data, episodes)
    alive, found = few.alive, []
    for given in (None, prior):
        pair = torch.stack([advantage(few, given).adv[alive], reference[:, :, :episodes][alive]])
        found.append(torch.corrcoef(pair)[0, 1].item())
    print(f"{NAME}, {episodes} episodes: linear {found[0]:.2f}, hierarchical {found[1]:.2f}")
