"""The envs' kernels on a GPU; where there is none, on the GPU that numba simulates."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from karel_gym import KarelVectorEnv
from karel_gym.envs.observations import KINDS
from karel_gym.registration import TASKS, task_of
from karel_gym.simulation.devices import device_named
from tests.cuda_agreement import ROOT, assert_stepping_agrees, simulate

MODES = ("NextStep", "SameStep", "Disabled")
WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def check_tasks() -> None:
    for number, env_id in enumerate(TASKS):
        obs = KINDS[number // 3 % len(KINDS)]
        assert_stepping_agrees(env_id, 5, 15, MODES[number % 3], obs, max_steps=6)


def test_the_simulated_gpu_agrees_with_the_processor() -> None:
    simulate("from tests.karel_gym.simulation.test_cuda import check_tasks; check_tasks()")


@pytest.mark.gpu
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", TASKS)
def test_the_gpu_agrees_with_the_processor(env_id: str, mode: str) -> None:
    assert_stepping_agrees(env_id, 300, 200, mode, "grid", max_steps=37)
    assert_stepping_agrees(env_id, 300, 20, mode, "percepts", max_steps=7)


@pytest.mark.parametrize("env_id", TASKS)
def test_tasks_compile_for_a_gpu(env_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """numba types and lowers them without a GPU, and knows less Python for one than else."""
    from numba import types
    from numba.cuda import compiler, dispatcher

    from karel_gym.simulation import cuda
    from karel_gym.simulation.episodes import step_episodes

    hopper = SimpleNamespace(compute_capability=(9, 0))
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: hopper)
    cells, robots, counters, states = (
        types.Array(kind, 2, "C") for kind in (types.uint8, types.int64, types.int32, types.uint64)
    )
    flags, reals, whole = (
        types.Array(kind, 1, "C") for kind in (types.boolean, types.float64, types.int64)
    )
    worlds = types.Tuple([cells, types.int64, robots, states, counters])
    progress = types.Tuple([states, reals, whole, whole])
    arguments = [whole, flags, worlds, progress, types.int64, types.Tuple([reals, flags, flags])]
    loop = cuda._loop_of(step_episodes.function, task_of(env_id))
    signature = types.int64, types.int64, types.Tuple(arguments)
    compiled = compiler.compile_cuda(loop.py_func, types.void, signature, cc=(9, 0))
    assert compiled.library.get_llvm_str()


@WITHOUT_GPU
def test_without_a_gpu_the_error_says_what_is_missing() -> None:
    with pytest.raises(
        RuntimeError, match=r"an NVIDIA GPU.*pip install 'karel-gym\[cuda\]'.*here:"
    ):
        KarelVectorEnv(task_of("Karel-Maze-v0"), 2, device="cuda")


def test_without_numba_cuda_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['numba_cuda'] = None; import karel_gym.simulation.cuda"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (
        "RuntimeError: device=\"cuda\" needs numba-cuda: pip install 'karel-gym[cuda]'"
        in told.stderr
    )


def test_other_devices_are_refused() -> None:
    with pytest.raises(ValueError, match="device must be one of 'cpu', 'cuda', got 'gpu'"):
        device_named("gpu")


def test_numba_cuda_is_imported_only_for_a_gpu() -> None:
    code = (
        "import sys; from karel_gym import sample_worlds; from programmatic import *; "
        "execute([Program.parse('DEF run m( move m)')], sample_worlds('Karel-Maze-v0', 1), "
        "'Karel-Maze-v0'); print([name for name in ('numba_cuda', 'torch') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"
