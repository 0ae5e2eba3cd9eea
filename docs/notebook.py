"""The tutorial as a notebook: docs/tutorial.ipynb has the text and the code of docs/tutorial.md.

`make tutorial` runs the notebook, writes what it prints and shows into the page and its pictures,
and writes the notebook. In the page, the output of a code block is the block of text and
the picture directly after it; a block without a language is a command of the shell.
"""

from __future__ import annotations

import base64
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

DOCS = Path(__file__).resolve().parent
PAGE, NOTEBOOK = DOCS / "tutorial.md", DOCS / "tutorial.ipynb"
BLOCK = re.compile(
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<text>.*?)^```\n)?"
    r"(?:\n!\[[^\]]*\]\((?P<picture>[^)]+)\)\n)?",
    re.DOTALL | re.MULTILINE,
)


def code_blocks(page: str) -> list[re.Match[str]]:
    """The blocks of a page that run, each with its output."""
    return [block for block in BLOCK.finditer(page) if block["language"] in ("", "python")]


def notebook_of(page: str) -> NotebookNode:
    """The notebook of a page, without outputs."""
    cells, end = [], 0
    for block in code_blocks(page):
        code = block["code"].strip()
        cells.append(new_markdown_cell(page[end : block.start()].strip()))
        cells.append(new_code_cell(code if block["language"] else f"%%bash\n{code}"))
        end = block.end()
    cells.append(new_markdown_cell(page[end:].strip()))
    for number, cell in enumerate(cells):
        cell["id"] = str(number)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run a notebook in a folder; a `CellExecutionError` if a cell fails."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, kernel_name="python3", resources=resources).execute()


def write_outputs(page: str, notebook: NotebookNode) -> str:
    """The page with the texts of a notebook that has run; its pictures are written to files."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    parts, end = [], 0
    for block, cell in zip(code_blocks(page), cells, strict=True):
        if block["picture"]:
            (DOCS / block["picture"]).write_bytes(picture_of(cell.outputs))
        if block["text"] is not None:
            parts += [page[end : block.start("text")], text_of(cell.outputs)]
            end = block.end("text")
    return "".join([*parts, page[end:]])


def text_of(outputs: list[Any]) -> str:
    """What a cell printed."""
    texts = [out.text for out in outputs if out.output_type == "stream" and out.name == "stdout"]
    lines = "".join(texts).rstrip().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def picture_of(outputs: list[Any]) -> bytes:
    """The content of the picture that a cell showed."""
    shown = [out.data for out in outputs if "data" in out]
    (content,) = (
        data[kind] for data in shown for kind in ("image/gif", "image/png") if kind in data
    )
    return base64.b64decode(content)


def main() -> None:
    """Run the tutorial, and write its page and its notebook."""
    page = PAGE.read_text(encoding="utf-8")
    notebook = notebook_of(page)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    print(f"the tutorial took {time.perf_counter() - start:.0f} s")
    page = write_outputs(page, notebook)
    PAGE.write_text(page, encoding="utf-8")
    nbformat.write(notebook_of(page), NOTEBOOK)


if __name__ == "__main__":
    main()
