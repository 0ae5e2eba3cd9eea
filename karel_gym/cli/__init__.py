"""The console script `karel-gym`."""

from karel_gym.cli.console import COMMANDS, EXTRAS, main

__all__ = ["COMMANDS", "EXTRAS", "main"]
