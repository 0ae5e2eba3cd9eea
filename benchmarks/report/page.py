"""The page: what was found, evaluated, drawn and recorded, as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from benchmarks.report.contents import Contents
from benchmarks.report.svg_curves import DASHES, N_COLOURS

TEMPLATES = files("benchmarks.report") / "templates"
PAGE, STYLE, SCRIPTS = "report.html.j2", "style.css", ("worlds.js", "player.js", "copy.js")
DASH_ARRAYS = ("none", "5 2", "1.5 1.5")
"""Those of `DASHES`, for the swatch of a method."""


def render(contents: Contents) -> str:
    """The page as a text.

    Whatever comes from files is escaped: in the text by Jinja2, in data by `script_json`. Should
    something slip through, the page's policy lets no other script run than its own.
    """
    script = "\n".join(_text(name) for name in SCRIPTS)
    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["script_json"] = script_json
    env.filters["number"] = number
    env.filters["rate"] = rate
    env.filters["svg"] = Markup  # drawn here, of numbers and of words that are ours
    env.globals["swatch"] = swatch
    return env.get_template(PAGE).render(
        contents=contents,
        style=Markup(_text(STYLE)),
        script=Markup(script),
        policy=(
            f"default-src 'none'; script-src '{_digest(script)}'; style-src 'unsafe-inline'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
    )


def script_json(value: Any) -> Markup:
    """A value as JSON that may stand in a script element: nothing in it can close the element.

    Example:
        >>> print(script_json(["</script>", "a & b"]))
        ["\\u003c/script\\u003e","a \\u0026 b"]
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def number(value: float) -> str:
    r"""A return as a text, with a proper minus sign.

    Example:
        >>> number(-0.333) == "\N{MINUS SIGN}0.33", number(-0.001), number(104.0)
        (True, '0.00', '104.00')
    """
    text = f"{round(value, 2) + 0.0:.2f}"
    return text.replace("-", "\N{MINUS SIGN}")


def rate(value: float) -> str:
    """A rate as a text, with three figures.

    Example:
        >>> rate(1234567.0), rate(12.345)
        ('1,230,000', '12.3')
    """
    return f"{float(f'{value:.3g}'):,.10g}"


def swatch(index: int) -> dict[str, str]:
    """The colour and the dashes of the method of a number."""
    return {
        "colour": f"var(--s{index % N_COLOURS})",
        "dashes": DASH_ARRAYS[index // N_COLOURS % len(DASHES)],
    }


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """What a content security policy calls a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
