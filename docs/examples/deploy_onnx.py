"""A half-cheetah in MuJoCo, driven by an exported policy: numpy, onnxruntime and mujoco, no torch and no metarl.

metarl export maml_cheetah_direction --task direction=1 --out cheetah.onnx --model cheetah.xml
python deploy_onnx.py cheetah.onnx cheetah.xml
"""

import json
import sys

import mujoco
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
about = json.loads(session.get_modelmeta().custom_metadata_map["metarl"])  # the file describes itself
model = mujoco.MjModel.from_xml_path(sys.argv[2])
data = mujoco.MjData(model)

# Controls at the actions -1, 0 and 1; between them they are linear.
low, hold, high = np.array([action["controls"] for action in about["actions"]]).T

# Every input starts at 0, memories too; `new_task` says that nothing is remembered yet.
inputs = {name: np.zeros(entry["shape"], np.float32) for name, entry in about["inputs"].items()}
came = {"new_task": 1.0, "ended": 0.0, "last_reward": 0.0}

for _ in range(about["horizon"]):
    # What the policy observes: `about["observations"]` has the names and units. Here: all positions but x, velocities.
    inputs["obs"][0] = np.concatenate([data.qpos[1:], data.qvel])
    for name in came.keys() & inputs.keys():  # a policy with a memory has these inputs, others have not
        inputs[name][0] = came[name]
    outputs = dict(zip(about["outputs"], session.run(None, inputs), strict=True))
    action = outputs["action"][0]

    # One control step: the control is held for several steps of the physics.
    before = data.qpos[0]
    data.ctrl[:] = hold + action.clip(0, 1) * (high - hold) + action.clip(-1, 0) * (hold - low)
    mujoco.mj_step(model, data, about["physics_steps"])

    # The reward of the task that is meant, by which a memory finds out what the task is: here to run forwards.
    speed = (data.qpos[0] - before) / about["control_step_s"]
    came = {"new_task": 0.0, "ended": 0.0, "last_reward": speed - 0.05 * np.square(action).sum()}
    for name, output in about["next"].items():  # the memory, and the last action
        inputs[name] = outputs[output]

print(f"{about['learner']}: ran {data.qpos[0]:.6f} m in {data.time:.1f} s")
