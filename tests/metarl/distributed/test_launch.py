"""Variables of the environment: numbers where numbers are expected, or one sentence that names the variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from metarl.distributed.launch import check_address, check_environment, check_rendezvous
from metarl.errors import UserError

LAUNCHED = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"RANK": "a"}, "RANK is 'a', expected a whole number from 0"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "²"}, "RANK is '²'"),
        ({"RANK": "2"}, "RANK is 2 and WORLD_SIZE is 2, expected a rank below it"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0', expected a whole number from 1"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE is '9999"),
        ({"LOCAL_RANK": ""}, "LOCAL_RANK is ''"),
        ({"LOCAL_WORLD_SIZE": "1"}, "LOCAL_RANK is 1 and LOCAL_WORLD_SIZE is 1"),
        ({"MASTER_PORT": "http"}, "MASTER_PORT is 'http'"),
        ({"MASTER_PORT": "70000"}, "MASTER_PORT is 70000, expected a port below 65536"),
        ({"MASTER_ADDR": ""}, "RANK and WORLD_SIZE are set, but MASTER_ADDR is not"),
        ({"MASTER_ADDR": "%%%"}, "MASTER_ADDR is '%%%', expected the name or the number of a machine"),
        ({"MASTER_ADDR": "a b"}, "MASTER_ADDR is 'a b', expected the name"),
        ({"MASTER_ADDR": "::1", "MASTER_PORT": "0"}, "MASTER_PORT is 0, expected the port"),
        ({"OMP_NUM_THREADS": "many"}, "OMP_NUM_THREADS is 'many'"),
        ({"SLURM_RESTART_COUNT": "x"}, "SLURM_RESTART_COUNT is 'x'"),
        ({"METARL_JOB": "x" * 5000}, "METARL_JOB is 5000 characters, expected the name of a job"),
        ({"SLURM_JOB_ID": "1\x1b[31m"}, "SLURM_JOB_ID is '1\\x1b[31m'"),
    ],
)
def test_a_variable_that_is_no_number_is_named(changes: dict[str, str], sentence: str) -> None:
    check = check_rendezvous if "MASTER_ADDR" in changes else check_environment
    with pytest.raises(UserError) as caught:
        check(LAUNCHED | changes)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_torchrun_sets_is_right() -> None:
    check_environment(LAUNCHED | {"OMP_NUM_THREADS": "4,2"})
    check_environment({})


def test_a_wrong_variable_ends_every_command_in_a_sentence() -> None:
    environment = os.environ | {"RANK": "a", "WORLD_SIZE": "2"}
    words = [sys.executable, "-m", "metarl", "list", "learners"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the environment variable RANK is 'a'")
    assert done.stderr.count("\n") == 1


def test_a_machine_that_nobody_knows_is_named() -> None:
    """`.invalid` is reserved for names that do not exist (RFC 2606)."""
    with pytest.raises(UserError, match=r"MASTER_ADDR is 'nowhere\.invalid', and no machine of that name is found"):
        check_address("nowhere.invalid", wait=0.0)
    check_address("127.0.0.1", wait=0.0)
    check_address("localhost", wait=0.0)
