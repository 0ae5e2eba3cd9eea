"""Tables of a task's returns in Markdown: kept rows of benchmarks beside published numbers."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from agents.confidence import MeanInterval
from benchmarks.experiments.morl_report import STAGES
from benchmarks.report.findings import Score
from benchmarks.report.table import Place, PublishedResult, rows_of
from benchmarks.runs.ledger import PROVENANCE, RUNS_FILE
from benchmarks.runs.method_grid import SEARCHES, GridRuns
from benchmarks.runs.methods import BASELINES, search_name
from benchmarks.statistics.published import LARGE, OWN_SIZE, SEARCH, published_number
from benchmarks.statistics.tidy import RESULTS_FILE, tidy
from karel_gym.registration import CARTPOLE

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WORLDS = {
    OWN_SIZE: "fresh worlds",
    SEARCH: "worlds of the search or training",
    LARGE: "worlds of 100x100",
}
COLUMNS = 74  # of a command
SPACE = "\N{NO-BREAK SPACE}"
PUBLISHED_HORIZON, TASK_HORIZON = "10,000 calls", "the task's horizon"

UNTRAINED = "No deep RL baseline was trained in this task."


class Kept(NamedTuple):
    """A folder of `RESULTS`: the limits of its runs, and the suffix of its methods' names."""

    limit: str
    suffix: str = ""


KEPT = {
    "program_search": Kept(f"within {PUBLISHED_HORIZON}"),
    "program_search_task": Kept(f"within {TASK_HORIZON}", ", task's horizon"),
    "karel_long": Kept(f"within {TASK_HORIZON}"),
    "latent_search": Kept(f"within {PUBLISHED_HORIZON}"),
    "cebs_v1": Kept(f"within {PUBLISHED_HORIZON}"),
    "budgets": Kept(f"5,000 programs, each within {PUBLISHED_HORIZON}", " (5,000)"),
    "returns": Kept(f"within {TASK_HORIZON}"),
    "hprl": Kept(f"within {TASK_HORIZON}"),
    "hprl_harder": Kept(f"within {TASK_HORIZON}"),
    "hprl_published": Kept(f"within {TASK_HORIZON}"),
    "hprl_published_5m": Kept(f"within {TASK_HORIZON}"),
}


def returns_section(name: str, env_ids: Sequence[str]) -> str:
    """The section of a Karel task: a table per id, sources and commands; "" without returns."""
    sources = Sources()
    used: dict[str, str] = {}  # the letters of folders
    trained = False
    tables = []
    for env_id in env_ids:
        own = {f: [s for s in scores if s.env_id == env_id] for f, scores in all_scores().items()}
        methods = {score.method: folder for folder, scores in own.items() for score in scores}
        trained |= not BASELINES.keys().isdisjoint(methods)
        numbers = {method: number for number, method in enumerate(methods)}
        rows, elsewhere = rows_of(
            [score for scores in own.values() for score in scores], env_id, list(WORLDS), numbers
        )
        lines = [_line(["method", *WORLDS.values(), "runs"]), "|---|---|---|---|---|"]
        for row in rows:
            folder = methods[row.method]
            letter = used.setdefault(folder, chr(ord("A") + len(used)))
            cell = next(place.cell for place in row.places if place.cell)
            runs = f"{cell.over.replace(' ', SPACE)},{SPACE}[{letter}](#commands)"
            lines.append(_line([row.method, *(_cell(p, sources) for p in row.places), runs]))
        for method in dict.fromkeys(result.method for result in elsewhere):
            own_worlds = {r.worlds: r for r in elsewhere if r.method == method}
            cells = [
                _published([own_worlds[w]], sources) if w in own_worlds else "" for w in WORLDS
            ]
            lines.append(_line([method, *cells, "published"]))
        if rows or elsewhere:
            tables += [f"### {env_id}", "\n".join(lines)]
    if not tables:
        return ""
    intro = (
        "Means over seeds with 95 % bootstrap intervals, which are left out if all seeds have the "
        "same return. Published numbers are in italics, with their sources; [their evaluators "
        "differ from ours](../benchmarks.md#published-numbers-and-where-their-evaluators-differ). "
        "The last column has the number of runs and the letter of the command. The methods: "
        "[search in program space](../search.md#the-methods), [in the latent space]"
        "(../leaps.md#stage-2-the-search), [networks](../baselines.md#observations)."
    )
    commands = [
        f"# {letter}: {KEPT[folder].limit}\n{command(folder, f'--tasks {name}')}"
        for folder, letter in used.items()
    ]
    note = "" if trained else UNTRAINED
    parts = ["## Returns", intro, *tables, note, str(sources), commands_block(commands)]
    return "\n\n".join(filter(None, parts))


def _cell(place: Place, sources: Sources) -> str:
    texts = [interval_text(place.cell.interval)] if place.cell else []
    return "<br>".join([*texts, *filter(None, [_published(place.published, sources)])])


def _published(results: Sequence[PublishedResult], sources: Sources) -> str:
    return ", ".join(f"*{r.number.value:.2f}*{sources.mark(r)}" for r in results)


def interval_text(interval: MeanInterval, digits: int = 2) -> str:
    """A mean with its interval, without the interval if it is the mean itself."""
    mean, low, high = (f"{value:.{digits}f}" for value in interval)
    text = mean if mean == low == high or low == "nan" else f"{mean} [{low}, {high}]"
    return text.replace(" ", SPACE)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


class Sources:
    """The numbered sources of published numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, result: PublishedResult) -> str:
        """The number of a result's source, as a link to the list."""
        number = self._numbers.setdefault(source_text(result), len(self._numbers) + 1)
        return f"[<sup>{number}</sup>](#sources)"

    def __str__(self) -> str:
        if not self._numbers:
            return ""
        listed = [f"{number}. {text}" for text, number in self._numbers.items()]
        return "### Sources\n\n" + "\n".join(listed)


def source_text(result: PublishedResult) -> str:
    """A source with the link to its paper."""
    paper, rest = result.number.source, result.source.removeprefix(result.number.source)
    return f"[{paper}]({paper_url(paper)}){rest}"


@cache
def papers() -> list[dict[str, Any]]:
    """The papers of CITATION.cff."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return list(cited["references"])


def paper_url(source: str) -> str:
    """The address of a paper in published.csv, such as "Liu et al., ICML 2023"."""
    family, year = source.split()[0], int(source.split()[-1])
    for paper in papers():
        if (paper["authors"][0]["family-names"], paper["year"]) == (family, year):
            return str(paper["url"])
    raise LookupError(f"CITATION.cff has no paper of {source}")


@cache
def all_scores() -> dict[str, list[Score]]:
    """The scores of each folder in `KEPT`."""
    return {
        folder: [
            Score(
                row["algo"] + kept.suffix, row["env_id"], row["worlds"], row["return"], row["seed"]
            )
            for row in results_of(RESULTS / folder).to_dict("records")
        ]
        for folder, kept in KEPT.items()
    }


def results_of(folder: Path) -> pd.DataFrame:
    """The results of a benchmark's folder, of which only the rows of its searches may be left."""
    if (folder / RESULTS_FILE).is_file():
        return pd.read_csv(folder / RESULTS_FILE)
    file = next(f for f in (folder / RUNS_FILE, folder / SEARCHES / RUNS_FILE) if f.is_file())
    searches = pd.read_csv(file)
    searches = searches.assign(label=searches["method"].map(search_name))
    searches = searches.assign(**dict.fromkeys(PROVENANCE, ""))
    return tidy(GridRuns(folder, searches, pd.DataFrame()))


def command(folder: str, *options: str) -> str:
    """The command of a folder in docs/benchmarks.md, with these options and the folder."""
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"^\| `(karel-gym [^`]+)` \|.*\| `{folder}` \|$", text, re.MULTILINE)
    words = " ".join([found.removesuffix(" --tasks ..."), *options])
    return f"{in_lines(words)} \\\n    --run results/{folder}"


def in_lines(words: str) -> str:
    """A command in lines that fit the page."""
    lines = textwrap.wrap(words, COLUMNS, subsequent_indent="    ", break_on_hyphens=False)
    return " \\\n".join(lines)


def commands_block(commands: Sequence[str]) -> str:
    """Commands under their heading."""
    return "### Commands\n\n```\n" + "\n\n".join(commands) + "\n```"


def morl_section() -> str:
    """The section of CartPole-MORL."""
    rows = pd.read_csv(RESULTS / "morl" / "programs.csv").to_dict("records")
    last = f"after {rows[0]['last_iteration']}"
    heads = ["start", "program", "its clone", "after 25 iterations of TRPO", last]
    lines, sources = [_line(heads), "|---" * len(heads) + "|"], Sources()
    for row in rows:
        cells = []
        for stage in (*STAGES, "last"):
            interval = MeanInterval.of_columns(row, stage)
            texts = [] if pd.isna(interval.mean) else [interval_text(interval, 1)]
            method = f"MORL {row['start']} {stage}"
            number = published_number(method, CARTPOLE)
            if number is not None:
                result = PublishedResult(method, OWN_SIZE, number)
                texts.append(f"*{number.value:.1f}*{sources.mark(result)}")
            cells.append("<br>".join(texts))
        lines.append(_line([row["start"], *cells]))
    intro = (
        f"Means over {rows[0]['seeds']} seeds with 95 % bootstrap intervals, and the paper's "
        "numbers in italics. A network clones a program, then TRPO trains it: see "
        "[MORL](../morl.md)."
    )
    commands = commands_block([f"# A\n{command('morl')}"])
    return "\n\n".join(["## Returns", intro, "\n".join(lines), str(sources), commands])
