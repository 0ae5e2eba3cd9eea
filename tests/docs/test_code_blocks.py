"""The code of the README and the docs: Python runs, commands are such as the console takes."""

from __future__ import annotations

import functools
import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tyro

from karel_gym.cli import COMMANDS, main
from programmatic.search.commands import parse_options
from programmatic.search.configs import config_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md")),
]
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in sorted(PAGES)}
BLOCK = re.compile(r'```python(?: title="(?P<name>\S+)")?\n(?P<code>.*?)```', re.DOTALL)
FENCE = re.compile(r"^ *```(?P<info>[^\n]*)\n(?P<code>.*?)^ *```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`(karel-gym [^`]+)`(?!`)")
VARIABLE = re.compile(r"^([A-Z]+)=(\".*?\")$", re.MULTILINE)
TRAINING_STEPS = re.compile(r"total_timesteps=[\d_]+")
QUICK = ("tasks", "run", "repair")
"""Commands that take no more than a second or two, so that they run, not only are read."""

LONG = ("docs/baselines.md", "docs/custom_task.md", "docs/morl.md")
"""Pages whose blocks train, or compile the kernels of a task of their own."""

OTHER_LIBRARIES = "docs/other_libraries.md"
"""Its blocks need a library each: `test_other_libraries.py` runs those that are installed."""

RUN_ALL = """\
import pathlib, runpy, sys, torch
torch.set_num_threads(1)
for file in sys.argv[1:]:
    print(f"--- {file}", flush=True)
    runpy.run_path(file, run_name="__main__")
"""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.long] if page in LONG else [])
        for page, text in TEXTS.items()
        if BLOCK.search(text) and page != OTHER_LIBRARIES
    ],
)
def test_python_blocks_run(page: str, tmp_path: Path) -> None:
    files = []
    for number, block in enumerate(BLOCK.finditer(TEXTS[page])):
        file = tmp_path / (block["name"] or f"block_{number}.py")
        code = TRAINING_STEPS.sub("total_timesteps=2048", block["code"])  # long enough to run
        file.write_text(code, encoding="utf-8")
        files.append(file.name)
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def shell_lines(text: str) -> Iterator[str]:
    """The commands in the shell blocks of a page, each as one line without its comment."""
    for block in FENCE.finditer(text):
        if block["info"]:
            continue
        code = block["code"].replace("\\\n", " ")
        variables = {match[1]: shlex.split(match[2])[0] for match in VARIABLE.finditer(code)}
        for line in code.splitlines():
            for name, value in variables.items():
                line = line.replace(f"${name}", value)
            yield from re.split(r" && ", re.sub(r"\s#\s.*", "", line.strip()).removeprefix("$ "))


def commands() -> list[tuple[str, str]]:
    """Page and text of every `karel-gym` command in the docs, in blocks and in sentences."""
    found = []
    for page, text in TEXTS.items():
        lines = [line for line in shell_lines(text) if line.startswith("karel-gym ")]
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
    taken: dict[str, Any] = {}

    @functools.wraps(real)
    def take(*values: Any, **options: Any) -> None:
        taken.update(options)

    try:
        tyro.cli(take, prog=f"karel-gym {name}", args=arguments)
    except SystemExit as end:  # 0: the help was asked for
        if end.code != 0:
            pytest.fail(capsys.readouterr().err)
    if name == "search" and taken.get("options"):
        options = parse_options(taken["options"])
        config_of(taken.get("method", arguments[0]), taken["env"], options)


def quick_commands() -> list[str]:
    """The quick ones among the commands that need nothing but files of the repository."""
    lines = {line for _, line in commands() if line.split()[1] in QUICK}
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
        lines = "\n".join(shell_lines(text))
        named_targets |= set(re.findall(r"^make ([\w-]+)", lines, re.MULTILINE))
        named_extras |= set(re.findall(r"pip install [^`\n]*(?:\.|karel-gym)\[(\w+)\]", text))
    assert {"demo", "test", "docs"} <= named_targets <= targets
    assert "morl" in named_extras
    assert named_extras <= extras
