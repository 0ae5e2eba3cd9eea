"""The console script `karel-gym`; commands are functions that define their flags and help.

SIGTERM raises a KeyboardInterrupt, as Ctrl-C does, so that long work can write a checkpoint.
"""

from __future__ import annotations

import _thread
import functools
import importlib
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

from karel_gym.cli.command_line import called_with
from karel_gym.packages import explain, shadowing

COMMANDS = {
    "tasks": ("karel_gym.cli.commands:tasks", "list the tasks, or describe one"),
    "play": ("karel_gym.cli.commands:play", "control the robot with the keyboard"),
    "run": ("programmatic.commands:run", "run a program in worlds of a task"),
    "dataset": ("programmatic.leaps.commands:dataset", "make programs to train an embedding on"),
    "pretrain": ("programmatic.leaps.commands:pretrain", "train an embedding of programs"),
    "train": ("agents.commands:train", "train a deep RL baseline"),
    "tune": ("agents.commands:tune", "search for better hyperparameters of a baseline"),
    "propose": (
        "programmatic.language_models.commands:propose",
        "ask a language model for programs, or print the prompt",
    ),
    "search": ("programmatic.search.commands:search", "search for a program that solves a task"),
    "morl": ("agents.morl.commands:morl", "turn a policy into a program, repair it, learn from it"),
    "synthesise": ("agents.morl.step_commands:synthesise", "find a program that imitates a policy"),
    "verify": ("agents.morl.step_commands:verify", "prove that a program fulfills constraints"),
    "repair": ("agents.morl.step_commands:repair", "change a program so that it fulfills them"),
    "imitate": ("agents.morl.step_commands:imitate", "train a policy network to imitate a program"),
    "optimise": ("agents.morl.step_commands:optimise", "continue to train a policy network"),
    "export": ("agents.commands:export", "write a trained policy as one small file"),
    "evaluate": ("agents.commands:evaluate", "compare policies on the same start worlds"),
    "report": ("benchmarks.report.commands:report", "show results, curves and replays on a page"),
    "benchmark": ("benchmarks.commands:benchmark", "measure rates, times and returns of methods"),
}
"""The function of each command, as text because imports are slow, and its description."""

EXTRAS = {
    **{"z3": "morl", "sklearn": "morl", "optuna": "tune", "ray": "ray", "jinja2": "report"},
    **{"wandb": "wandb", "mlflow": "mlflow", "openai": "llm"},
}
"""The extra that installs a package."""
TRACEBACK_VARIABLE = "KAREL_GYM_TRACEBACK"
STOPS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""The signals that end a command, and the message; the exit status is 128 plus the signal."""
AGAIN_AFTER = 0.1  # seconds
LATER_PARTS = ("Argument helptext:", "For full helptext")
"""Parts of tyro's error messages that repeat the help begin with these words."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, by default with this process's arguments, and return the exit status."""
    after = signal.SIG_DFL if arguments is None else None
    with _stopping(after) as stops, _without_errors_of_threads():
        try:
            if arguments is None:
                sys.path.append("")  # tasks of the user in the working directory
                arguments = sys.argv[1:]
            return _run(list(arguments))
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (Exception, KeyboardInterrupt) as error:
            if stops or isinstance(error, KeyboardInterrupt):  # C code may raise another error
                stop = stops[0] if stops else signal.SIGINT
                return _fail(STOPS[stop], status=128 + stop)
            return _explain(error)


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        from karel_gym import __version__

        print(f"karel-gym {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        return _fail(f"there is no command {name!r}; known are {', '.join(COMMANDS)}")
    module, _, function = COMMANDS[name][0].partition(":")
    room = module.partition(".")[0]
    found = shadowing(room)
    if found is not None:
        return _fail(explain(room, found))

    command = getattr(importlib.import_module(module), function)
    work = parse(command, f"karel-gym {name}", rest)
    with called_with(arguments):
        work()
    return 0


def parse(command: Callable[..., None], name: str, words: Sequence[str]) -> functools.partial[None]:
    """The call of a command with the arguments in `words`; a `ValueError` if they are invalid."""
    import tyro

    @functools.wraps(command)
    def later(*arguments: Any, **options: Any) -> functools.partial[None]:
        return functools.partial(command, *arguments, **options)

    errors = io.StringIO()
    markers = (
        tyro.conf.FlagCreatePairsOff,
        tyro.conf.DisallowNone,
        tyro.conf.PositionalMetavarFromFieldName,
    )
    try:
        with redirect_stderr(errors):
            call: functools.partial[None] = tyro.cli(later, prog=name, args=words, config=markers)
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise ValueError(f"{_unboxed(errors.getvalue())} (see {name} --help)") from None
    return call


def _unboxed(box: str) -> str:
    """The first part of tyro's error message as one line, without the box."""
    rows = [line.strip("│ ") for line in box.splitlines() if line.startswith(("│ ", "  "))]
    parts = re.split("[─-]{9,}", " ".join(rows))
    shown = [" ".join(part.split()) for part in parts if not part.strip().startswith(LATER_PARTS)]
    return "; ".join(shown) or box.strip()


def _explain(error: Exception) -> int:
    """Print the message of an error; raise errors again that are not the user's."""
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        extra = EXTRAS[error.name]
        return _fail(f"this needs {error.name}: pip install 'karel-gym[{extra}]'")
    if not isinstance(error, ValueError | RuntimeError | OSError):
        raise error
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    return _fail(str(error))


@contextmanager
def _stopping(after: signal.Handlers | None) -> Iterator[list[signal.Signals]]:
    """Let the signals in `STOPS` raise a KeyboardInterrupt; yield the list of signals received.

    Where Python ignores it, in a destructor for example, it is raised again a moment later.
    """
    came: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def stop(number: int, _: object) -> None:
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    def report(lost: sys.UnraisableHookArgs) -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            report_before(lost)
            return
        again = threading.Timer(AGAIN_AFTER, _thread.interrupt_main, came[:1])
        again.daemon = True
        again.start()

    report_before, sys.unraisablehook = sys.unraisablehook, report
    before = {number: signal.getsignal(number) for number in STOPS}
    heard = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number, old in heard.items():
            signal.signal(number, old if after is None else after)
        sys.unraisablehook = report_before


@contextmanager
def _without_errors_of_threads() -> Iterator[None]:
    """Do not print an OSError in a thread: TensorBoard raises it again in its next call."""

    def report(lost: threading.ExceptHookArgs) -> None:
        if not isinstance(lost.exc_value, OSError):
            report_before(lost)

    report_before, threading.excepthook = threading.excepthook, report
    try:
        yield
    finally:
        threading.excepthook = report_before


def _overview() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "usage: karel-gym COMMAND [options]\n\n"
        "Karel tasks on which programs and neural networks compete.\n\n"
        f"commands:\n{commands}\n\n"
        "karel-gym COMMAND --help shows the flags of a command.\n"
        f"With {TRACEBACK_VARIABLE}=1 in the environment, errors show a traceback."
    )


def _fail(message: str, status: int = 2) -> int:
    print(f"karel-gym: {message}", file=sys.stderr)
    return status
