"""The code of the README and the docs: blocks run, small; commands have options that exist."""

from __future__ import annotations

import importlib
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pygame
import pytest

from karel_gym.cli import COMMANDS, main
from karel_gym.cli.console import parse
from programmatic.search.run_settings import config_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")),
]
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in sorted(PAGES)}
FENCE = re.compile(r"^ *```(?P<info>[^\n]*)\n(?P<code>.*?)^ *```$", re.DOTALL | re.MULTILINE)
TITLE = re.compile(r'python title="(\S+)"')
SPAN = re.compile(r"(?<!`)`(karel-gym [^`]+)`(?!`)")
VARIABLE = re.compile(r"^([A-Z]+)=(\".*?\")$", re.MULTILINE)
TRAINING_STEPS = re.compile(r"total_timesteps=[\d_]+")
NO_CODE = ("text", "bibtex")
"""Blocks that nobody runs. Those without a language are commands."""
QUICK = ("tasks", "run", "repair")
"""Commands in sentences that take no more than a second or two, so that they run, too."""
LESS_MORL = (
    "--iterations 1 --episodes 4 --options num_envs=4 oracle.max_timesteps=512 viper.iterations=2 "
    "viper.rollouts=2 cloning.epochs=3 cloning.samples=200 optimisation.iterations=1 "
    "optimisation.evaluation_episodes=4"
)
LESS = {
    "train": "--steps 256 --num-envs 2",
    "train --resume": "--steps 512",
    "tune": "--trials 1 --steps 256",
    "search": "--budget 200",
    "search --env Karel-Harvester-v1 --options simplify=true": "simplify_budget=3000 --budget 200",
    "search hipo": "--worlds 1",
    "search --resume": "--budget 300",
    "dataset": "--programs 40 --demonstrations 2",
    "dataset --programs 50000 --extra": "--programs 40 --extra 20 --demonstrations 2",
    "pretrain": "--epochs 1 --epoch-programs 20 --demonstrations 1 --batch-size 8",
    "pretrain --data leaps-300k.h5": (
        "--epochs 2 --executor-from 1 --epoch-programs 20 --fresh-programs 9 --batch-size 8"
    ),
    "export": "--episodes 3",
    "evaluate": "--episodes 3 --render-worlds 1",
    "synthesise": "--options iterations=1 rollouts=2",
    "morl": LESS_MORL,
    "report": "--episodes 2 --worlds 1 --max-frames 10",
    "benchmark throughput": "--quick",
    "benchmark latent_search": "--budget 100 --seeds 1",
    "benchmark returns": "--quick --tasks Maze --seeds 1 --steps 128 --budget 200",
}
"""What makes a command small: arguments added to those that begin so; the longest beginning counts.
A command that is not here runs as it is written."""
NOT_RUN = {
    "make": "its targets are looked up in the Makefile",
    "source .venv/bin/activate": "the tests run in an environment",
    "pip install": "its extras are looked up in setup.cfg",
    "python -m rl_zoo3.train": "tests/agents/drl/test_rl_zoo.py runs it",
    "karel-gym benchmark returns --backend ray": "there is no cluster",
    "karel-gym benchmark gpu": "tests/benchmarks/speed/test_gpu.py runs its parts, small",
}
"""Commands that begin so are not run, and why."""
WORDS = {"PROGRAM": str(ROOT / "karel_gym" / "tasks" / "programs" / "maze.karel")}
"""What stands for a reader's own in commands."""
LONG = (
    *("docs/baselines.md", "docs/benchmarks.md", "docs/custom_task.md"),
    *("docs/leaps.md", "docs/morl.md"),
)
"""Pages whose blocks train much, or compile the kernels of a task of their own."""


OTHER_LIBRARIES = "docs/other_libraries.md"
"""Its blocks need a library each: `test_other_libraries.py` runs those that are installed."""
TUTORIAL = "docs/tutorial.md"
"""Its blocks share variables: `test_tutorial.py` runs them as a notebook."""


def code_blocks(page: str) -> list[re.Match[str]]:
    """The blocks of a page that are Python, or commands."""
    return [block for block in FENCE.finditer(TEXTS[page]) if block["info"] not in NO_CODE]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.long] if page in LONG else [])
        for page in TEXTS
        if code_blocks(page) and page not in (OTHER_LIBRARIES, TUTORIAL)
    ],
)
def test_the_blocks_of_a_page_run_one_after_the_other(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    registered = dict(gymnasium.registry)
    try:
        for number, block in enumerate(code_blocks(page)):
            if block["info"].startswith("python"):
                title = TITLE.fullmatch(block["info"])
                file = tmp_path / (title[1] if title else f"block_{number}.py")
                code = TRAINING_STEPS.sub("total_timesteps=2048", block["code"])  # enough to run
                file.write_text(code, encoding="utf-8")
                runpy.run_path(str(file), run_name="__main__")
                continue
            assert block["info"] == "", f"a block of what language is {block['info']}?"
            for line in shell_lines(block["code"]):
                capsys.readouterr()
                assert run_line(line, tmp_path) == 0, f"{line}\n{capsys.readouterr().err}"
    finally:
        gymnasium.registry.clear()
        gymnasium.registry.update(registered)


def run_line(line: str, folder: Path) -> int:
    """Run a line of a shell, small; its exit status, 0 also where it is `NOT_RUN`."""
    if any(line.startswith(beginning) for beginning in NOT_RUN):
        return 0
    name, *words = shlex.split(line)
    words = [WORDS.get(word, word) for word in words]
    words = [str(ROOT / word) if is_of_the_checkout(word, folder) else word for word in words]
    if name == "python":
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run([sys.executable, *words], cwd=folder, env=environment).returncode
    assert name == "karel-gym", f"not a command: {line}"
    if words[0] == "play":  # a person who quits at once
        pygame.display.init()
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))
    beginnings = [begin for begin in LESS if f"{' '.join(words)} ".startswith(f"{begin} ")]
    less = LESS[max(beginnings, key=len)] if beginnings else ""
    return main([*words, *less.split()])


def is_of_the_checkout(word: str, folder: Path) -> bool:
    """Whether a word is a file of the checkout, and none that a command has written."""
    return (ROOT / word).is_file() and not (folder / word).exists()


def test_no_rule_is_for_nothing() -> None:
    lines = [
        line
        for page in TEXTS
        for block in code_blocks(page)
        if not block["info"]
        for line in shell_lines(block["code"])
    ]
    for beginning in [*NOT_RUN, *(f"karel-gym {begin}" for begin in LESS)]:
        assert any(f"{line} ".startswith(f"{beginning} ") for line in lines), beginning
    assert set(LONG) <= TEXTS.keys()


def shell_lines(code: str) -> Iterator[str]:
    """The commands of a shell block, each as one line without its comment.

    Of a transcript, in which they begin with a $, the other lines are what they print.
    """
    code = code.replace("\\\n", " ")
    variables = {match[1]: shlex.split(match[2])[0] for match in VARIABLE.finditer(code)}
    lines = [line.strip() for line in VARIABLE.sub("", code).splitlines() if line.strip()]
    if lines[0].startswith("$ "):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        for name, value in variables.items():
            line = line.replace(f"${name}", value)
        yield from re.split(r" && ", re.sub(r"\s+#\s.*", "", line))


def commands() -> list[tuple[str, str]]:
    """Page and text of every `karel-gym` command in the docs, in blocks and in sentences."""
    found = []
    for page, text in TEXTS.items():
        code = (block["code"] for block in code_blocks(page) if not block["info"])
        lines = [line for block in code for line in shell_lines(block)]
        lines = [line for line in lines if line.startswith("karel-gym ")]
        spans = SPAN.findall(FENCE.sub("", text))
        shortened = (" ".join(command.split()) for command in lines + spans)
        found += [(page, command) for command in dict.fromkeys(shortened)]
    return found


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_are_such_as_the_console_takes(
    page: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, name, *arguments = shlex.split(command)
    if (name, arguments) == ("COMMAND", ["--help"]):
        return
    assert name in COMMANDS
    if not arguments:  # a sentence that names the command
        return
    module, _, function = COMMANDS[name][0].partition(":")
    real = getattr(importlib.import_module(module), function)
    if "--help" in arguments:
        return
    taken = parse(real, f"karel-gym {name}", arguments).keywords
    if name == "search" and taken.get("options"):
        settings = taken["settings"]
        config_of(settings.method, settings.env_id, taken["options"])


def quick_commands() -> list[str]:
    """The quick ones among the commands in sentences that need only files of the checkout."""
    lines = {line for text in TEXTS.values() for line in SPAN.findall(FENCE.sub("", text))}
    lines = {" ".join(line.split()) for line in lines if line.split()[1] in QUICK}
    return sorted(line for line in lines if not re.search(r" [A-Z]+\b| runs/", line))


@pytest.mark.parametrize("command", quick_commands())
def test_quick_commands_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = shlex.split(command)[1:]
    monkeypatch.chdir(tmp_path)
    assert main([str(ROOT / a) if (ROOT / a).is_file() else a for a in arguments]) == 0


def test_make_targets_and_extras_are_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    setup = (ROOT / "setup.cfg").read_text()
    extras = set(
        re.findall(r"^(\w+) =$", setup.partition("[options.extras_require]")[2], re.MULTILINE)
    )
    named_targets, named_extras = set(), set()
    for text in TEXTS.values():
        code = (block["code"] for block in FENCE.finditer(text) if not block["info"])
        lines = "\n".join(line for block in code for line in shell_lines(block))
        named_targets |= set(re.findall(r"^make ([\w-]+)", lines, re.MULTILINE))
        named_extras |= set(re.findall(r"pip install [^`\n]*(?:\.|karel-gym)\[(\w+)\]", text))
    assert {"demo", "test", "docs"} <= named_targets <= targets
    assert "morl" in named_extras
    assert named_extras <= extras
