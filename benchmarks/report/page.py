"""The page as one HTML file."""

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
from karel_gym.rendering import look_shapes

TEMPLATES = files("benchmarks.report") / "templates"
PAGE, STYLE = "report.html.j2", "style.css"
SCRIPTS = "worlds.js", "player.js", "copy.js", "filter.js", "folds.js"
DASH_ARRAYS = ("none", "5 2", "1.5 1.5")  # `DASHES` as CSS, for the swatches of methods


def render(contents: Contents) -> str:
    """The page as HTML.

    Jinja2 escapes all text that comes from files, and `script_json` all data. In addition, the
    page's content security policy allows only its own script.
    """
    looks = f"const LOOKS = {script_json(look_shapes.as_json())};"
    script = "\n".join([looks, *(_text(name) for name in SCRIPTS)])
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
    env.filters["svg"] = Markup  # from `svg_curves`: numbers and fixed words only
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
    """A value as JSON for a script element: nothing in it can close the element.

    Example:
        >>> print(script_json(["</script>", "a & b"]))
        ["\\u003c/script\\u003e","a \\u0026 b"]
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def number(value: float) -> str:
    r"""A return with two digits and a typographic minus sign.

    Example:
        >>> number(-0.333) == "\N{MINUS SIGN}0.33", number(-0.001), number(104.0)
        (True, '0.00', '104.00')
    """
    text = f"{round(value, 2) + 0.0:.2f}"
    return text.replace("-", "\N{MINUS SIGN}")


def rate(value: float) -> str:
    """A rate with three significant digits.

    Example:
        >>> rate(1234567.0), rate(12.345)
        ('1,230,000', '12.3')
    """
    return f"{float(f'{value:.3g}'):,.10g}"


def swatch(index: int) -> dict[str, str]:
    """The color and the dashes of a method, by its number."""
    return {
        "color": f"var(--s{index % N_COLOURS})",
        "dashes": DASH_ARRAYS[index // N_COLOURS % len(DASHES)],
    }


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """The name of a script in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
