"""A GPU, or numba's simulation of one, against the processor: bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from karel_gym import KarelVectorEnv, World, WorldBatch
from karel_gym.registration import task_of
from programmatic import Program, execute
from programmatic.machine.bytecode import tokens_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ("returns", "actions", "calls", "terminated")


def simulate(code: str) -> None:
    """Run code in a process in which numba simulates the GPU."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


def as_array(values: Any) -> Any:
    """numpy's form of an array or tensor."""
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else values


def assert_same(ours: Any, theirs: Any) -> None:
    ours, theirs = as_array(ours), as_array(theirs)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


def assert_execution_agrees(
    env_id: str, several: Sequence[Program], worlds: Sequence[World] | WorldBatch, **limits: Any
) -> None:
    """Programs, and their tokens as a tensor on the GPU, give what they give on the processor."""
    from karel_gym.simulation.cuda import MEMORY

    expected = execute(several, worlds, env_id, **limits)
    result = execute(several, worlds, env_id, **limits, device="cuda")
    tokens = torch.tensor(tokens_of(several), dtype=torch.int64, device=MEMORY)
    tensors = execute(tokens, worlds, env_id, **limits, device="cuda")
    for name in RESULTS:
        assert isinstance(getattr(result, name), np.ndarray)
        assert isinstance(getattr(tensors, name), torch.Tensor)
        assert getattr(tensors, name).device.type == MEMORY
        assert_same(getattr(result, name), getattr(expected, name))
        assert_same(getattr(tensors, name), getattr(expected, name))
    assert tensors.final_world(1, 0) == expected.final_world(1, 0)


def assert_stepping_agrees(
    env_id: str, n: int, steps: int, mode: str, obs: str, max_steps: int
) -> None:
    """A vector env on the GPU does, seed by seed, what it does on the processor."""
    ours, theirs = (
        KarelVectorEnv(
            task_of(env_id), n, obs=obs, max_steps=max_steps, autoreset_mode=mode, device=device
        )
        for device in ("cuda", "cpu")
    )
    rng = np.random.default_rng(list(env_id.encode()))
    assert_same_steps(ours.reset(seed=3), theirs.reset(seed=3))
    for step in range(steps):
        actions = rng.integers(5, size=n)
        as_given = ours.device.from_host(actions) if step % 2 else actions
        outcome, expected = ours.step(as_given), theirs.step(actions)
        assert_same_steps(outcome, expected)
        ended = expected[2] | expected[3]
        if mode == "Disabled" and ended.any():
            mask = ours.device.from_host(ended)
            assert_same_steps(
                ours.reset(options={"reset_mask": mask}),
                theirs.reset(options={"reset_mask": ended}),
            )
        assert ours.worlds == theirs.worlds
    worlds = theirs.worlds[::-1]
    assert_same_steps(
        ours.reset(options={"worlds": worlds}), theirs.reset(options={"worlds": worlds})
    )


def assert_same_steps(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """Two results of `reset` or `step`, the first of them tensors."""
    *arrays, info = ours
    *expected, expected_info = theirs
    for one, other in zip(arrays, expected, strict=True):
        assert isinstance(one, torch.Tensor)
        assert_same(one, other)
    assert info.keys() == expected_info.keys()
    final = info.pop("final_obs", None)
    expected_final = expected_info.pop("final_obs", None)
    if final is not None:
        for i in np.flatnonzero(expected_info["_final_obs"]):
            assert_same(final[i], expected_final[i])
    for key, value in expected_info.items():
        if isinstance(value, dict):
            assert_same_steps((info[key],), (value,))
        else:
            assert_same(info[key], value)
