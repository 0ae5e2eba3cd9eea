"""A grid on a Ray cluster gives the rows that it gives in this process."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from programmatic.runs import read_config

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra [ray]"),
]
GRID = ("--methods", "hc", "random", "--tasks", "Maze", "--env-version", "v1", "--seeds", "2")
SMALL = ("--budget", "400", "--options", "n_worlds=4")
ENVIRONMENT = {
    **os.environ,
    "RAY_AUTH_MODE": "disabled",
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "300",
}
"""No token in the user's home, and patience with a machine that is busy."""
START = 300.0  # seconds that a cluster may take to start


def free_ports(n: int) -> list[int]:
    """Ports of this machine that nobody uses."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """The ports of a cluster of two workers on this machine: its own, and that for clients."""
    own, clients, agent = free_ports(3)
    folder = tempfile.mkdtemp(prefix="ray-")  # paths of sockets must be short
    ray = Path(sys.executable).with_name("ray")
    command = [str(ray), "start", "--head", "--block", "--num-cpus=2", f"--temp-dir={folder}"]
    command += [f"--port={own}", f"--ray-client-server-port={clients}", "--disable-usage-stats"]
    command += [f"--dashboard-agent-listen-port={agent}", "--include-dashboard=false"]
    command += ["--min-worker-port=0", "--max-worker-port=0"]
    head = subprocess.Popen(command, env=ENVIRONMENT)
    end = time.monotonic() + START
    try:
        while not (listens(own) and listens(clients)):
            assert head.poll() is None, "the cluster did not start"
            assert time.monotonic() < end, "the cluster takes too long to start"
            time.sleep(0.2)
        yield own, clients
    finally:
        head.terminate()  # with --block, what it started ends with it; `ray stop` would end others
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The rows of this machine's processes."""
    return rows_of(tmp_path_factory.mktemp("processes"), "--jobs", "2")


def rows_of(folder: Path, *workers: str) -> pd.DataFrame:
    command = [sys.executable, "-m", "karel_gym.cli", "benchmark", "returns", *GRID, *SMALL]
    subprocess.run([*command, "--run", str(folder), *workers], env=ENVIRONMENT, check=True)
    return pd.read_csv(folder / "results.csv").drop(columns=["seconds", "commit"])


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_cluster_gives_the_same_rows(
    form: str, ports: tuple[int, int], expected: pd.DataFrame, tmp_path: Path
) -> None:
    address = form.format(ports["://" in form])
    rows = rows_of(tmp_path, "--backend", "ray", "--address", address)
    pd.testing.assert_frame_equal(rows, expected)
    configs = [read_config(file.parent) for file in tmp_path.glob("searches/runs/*/config.json")]
    assert len(configs) == 4
    assert all(f"--address {address}" in config["command_line"] for config in configs)
