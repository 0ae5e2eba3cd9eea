"""Wrong command lines: one line of error and the exit status 2, whatever is given."""

from __future__ import annotations

import contextlib
import io
import signal
from pathlib import Path
from typing import Any

import pytest

from karel_gym.cli import COMMANDS, main
from tests.faults.fuzzing import Rng, Target, fuzz, mutated_text, mutated_words, pick

QUICK, LONG = 150, 10_000
WORK_SECONDS = 5.0
WALK = "DEF run m( WHILE c( frontIsClear c) w( move w) m)"
RIGHT = (
    "tasks Maze",
    "play --env Karel-Maze-v0 --height 3",
    f"run '{WALK}' --env Karel-Maze-v0 --worlds 2 --seed 1",
    "dataset --programs 3 --demonstrations 2 --out data.h5",
    "pretrain --data data.h5 --epochs 1 --run pretrained",
    "train ppo --env Karel-Maze-v0 --steps 10 --seed 0 --run trained --hyperparameters n_steps=8",
    "tune ppo --env Karel-Maze-v0 --trials 0 --steps 10 --run tuned",
    "search random --env Karel-Maze-v0 --budget 10 --worlds 2 --run found --options batch_size=5",
    "morl --env Karel-Maze-v0 --constraints no.txt --iterations 1 --options viper.max_depth=2",
    "synthesise nowhere viper --env Karel-Maze-v0 --out out.tree --options iterations=1",
    "verify no.tree --constraints no.txt --env Karel-Maze-v0 --timeout 1",
    "repair no.tree --constraints no.txt --env Karel-Maze-v0",
    "imitate no.tree ppo --env Karel-Maze-v0 --epochs 1",
    "optimise nowhere --env Karel-Maze-v0 --iterations 1",
    f"evaluate '{WALK}' random --env Karel-Maze-v0 --episodes 2 --run evaluated --render a.txt",
    "report nowhere --out report.html --env Karel-Maze-v0 --title x",
    "benchmark throughput --run rates --quick",
)
WORDS = (
    *("", " ", "-", "--", "---", "--help", "--version", "--env", "--seed", "--run", "--resume"),
    *("-1", "0", "1e9", "1e400", "nan", "None", "True", "9" * 30, "0.5", "[1]", "{a: 1}", "a=b"),
    *("Karel-Maze-v9", "Karel-Maze-v0", "no_module:Karel-X-v0", ":", "::", "CartPole-MORL-v0"),
    *("CartPole-v1", "/", "/dev/null", "/dev/null/x", ".", "..", "~", "x.html", "x.tree", "x.zip"),
    *(
        "\x00",
        "\ud800",
        "é\u202e",
        "🤖",
        "a" * 5_000,
        "--seeds",
        "--steps",
        "--options",
        "sigma=[]",
    ),
    *("--height", "--width", "3", "1001", "--device", "cuda", "--jobs", "--overwrite", "--out"),
)
"""Words that take the place of others. None begins work of more than a moment."""


def make(rng: Rng) -> list[str]:
    """A command line with at least one fault, most of the time."""
    line = pick(rng, RIGHT)
    quoted = line.split("'")
    words = [w for i, part in enumerate(quoted) for w in ([part] if i % 2 else part.split())]
    kind = rng.random()
    if kind < 0.1:
        return [pick(rng, [*COMMANDS, *WORDS]), *mutated_words(rng, words[1:], WORDS)]
    if kind < 0.2:
        place = int(rng.integers(1, len(words)))
        return [*words[:place], mutated_text(rng, words[place], WORDS), *words[place + 1 :]]
    changed = mutated_words(rng, words[1:], WORDS)
    return [words[0], *changed, pick(rng, WORDS)] if rng.random() < 0.5 else [words[0], *changed]


def take(arguments: list[str]) -> None:
    """Run a command line; raise a ValueError where it ends with an error in words.

    Faults may leave a right command, whose work is then interrupted.
    """
    errors = io.StringIO()
    signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, WORK_SECONDS)
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            status: Any = main(arguments)
        except SystemExit as exit_:
            status = exit_.code
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    said = errors.getvalue()
    assert "Traceback" not in said, said
    assert status in (0, 1, 2, 130, None), status
    if status == 2:
        raise ValueError(said)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and no work that takes long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", "false")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):  # play has nowhere to open
        monkeypatch.delenv(name, raising=False)

    def measured(*_: Any, **__: Any) -> None:
        """Benchmarks take hours, unless they are refused."""

    from benchmarks import commands

    monkeypatch.setattr(commands, "measure", measured)


def check(n: int, seed: int) -> None:
    assert fuzz(Target(make, take), n, seed) > n // 2


@pytest.mark.usefixtures("elsewhere")
def test_wrong_command_lines_are_refused() -> None:
    check(QUICK, 0)


@pytest.mark.long
@pytest.mark.usefixtures("elsewhere")
def test_wrong_command_lines_are_always_refused() -> None:
    check(LONG, 1)
