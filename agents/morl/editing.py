"""Edits of a program by its user: in $EDITOR, or by a file that replaces it."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from programmatic.trees.program import TreeProgram

Edit = Callable[["TreeProgram"], "TreeProgram"]
ERROR_MARK = "#! "
"""Start of the lines that show an error in the editor; they are removed afterwards."""


def edit_of(edit: bool, patch: Path | None) -> Edit | None:
    """The edit that --edit or --patch asks for; None without them, a `ValueError` with both."""
    if edit and patch is not None:
        raise ValueError("give --edit or --patch, not both")
    if patch is not None:
        text = patch.read_text(encoding="utf-8")
        return lambda program: program.parse(text, program.signature, str(patch))
    return edit_program if edit else None


def edit_program(program: TreeProgram) -> TreeProgram:
    """Open a program in $EDITOR until its text is valid; a `RuntimeError` if the editor fails."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    text, errors = f"{program}\n", ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{program.name}.tree"
        while True:
            file.write_text(errors + text, encoding="utf-8")
            try:
                subprocess.run([*shlex.split(editor), str(file)], check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise RuntimeError(f"the editor {editor!r} failed: {error}") from None
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            text = "".join(line for line in lines if not line.startswith(ERROR_MARK))
            try:
                return program.parse(text, program.signature, program.name)
            except ValueError as error:
                errors = "".join(f"{ERROR_MARK}{line}\n" for line in str(error).splitlines())
