"""What a MuJoCo model consists of, found by its structure: robot, floor, contacts, actuators, start pose."""
