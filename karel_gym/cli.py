"""The console script `karel-gym`: finds the command's function, builds its options, runs it.

A command is a function; its signature and docstring are its options and its help.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from karel_gym.command_line import called_with
from karel_gym.rooms import explain, shadowing

COMMANDS = {
    "tasks": ("karel_gym.commands:tasks", "list the tasks, or describe one"),
    "play": ("karel_gym.commands:play", "drive the robot with the keyboard"),
    "run": ("programmatic.commands:run", "run a program in worlds of a task"),
    "dataset": ("programmatic.leaps.commands:dataset", "make programs to train an embedding on"),
    "pretrain": ("programmatic.leaps.commands:pretrain", "learn an embedding of programs"),
    "train": ("agents.commands:train", "train a deep RL baseline"),
    "tune": ("agents.commands:tune", "look for better hyperparameters of a baseline"),
    "search": ("programmatic.search.commands:search", "search for a program that solves a task"),
    "morl": ("agents.morl:morl", "turn a policy into a program, repair it, and learn on"),
    "synthesise": ("agents.morl:synthesise", "find a program that imitates a policy"),
    "verify": ("agents.morl:verify", "prove that a program fulfils constraints"),
    "repair": ("agents.morl:repair", "change a program until it provably fulfils constraints"),
    "imitate": ("agents.morl:imitate", "teach a policy network to act as a program does"),
    "optimise": ("agents.morl:optimise", "let a policy learn on from its weights"),
    "evaluate": ("agents.commands:evaluate", "compare policies on the same start worlds"),
    "report": ("benchmarks.report.commands:report", "write results, curves, replays as a page"),
    "benchmark": ("benchmarks.commands:benchmark", "measure rates, times, and what searches reach"),
}
"""The function of each command, and what it does. Strings: no command loads another's imports."""

EXTRAS = {
    **{"z3": "morl", "sklearn": "morl", "optuna": "morl"},
    **{"joblib": "benchmark", "ray": "ray", "jinja2": "report"},
}
"""The extra that brings a package."""
TRACEBACK_VARIABLE = "KAREL_GYM_TRACEBACK"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
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

    import tyro

    try:
        command = getattr(importlib.import_module(module), function)
        with called_with(arguments):
            tyro.cli(command, prog=f"karel-gym {name}", args=rest)
    except KeyboardInterrupt:
        return _fail("interrupted", status=130)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        extra = EXTRAS[error.name]
        return _fail(f"this needs {error.name}, which pip install 'karel-gym[{extra}]' brings")
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        return _fail(str(error))
    return 0


def _overview() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "usage: karel-gym COMMAND [options]\n\n"
        "Karel tasks on which programs and neural networks compete.\n\n"
        f"commands:\n{commands}\n\n"
        "karel-gym COMMAND --help shows a command's options.\n"
        f"With {TRACEBACK_VARIABLE}=1 in the environment, errors show where they arose."
    )


def _fail(message: str, status: int = 2) -> int:
    print(f"karel-gym: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
