"""A task distribution as a plain Gymnasium environment. The task is data, and stays until it is changed."""

import gymnasium

env = gymnasium.make("envs.gym:metarl/QuadrupedStairsUp-v0", render_mode="rgb_array")  # or "human"
env.reset(seed=0, options={"task": {"direction": 1, "stairs_up": 0.4}})
env.unwrapped.set_task({"stairs_up": 0.5})
unseen = env.unwrapped.sample_tasks(10, "ood", seed=0).to_json()
observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
print(f"reward {reward:.3f}; first unseen task: {unseen[0]}")
