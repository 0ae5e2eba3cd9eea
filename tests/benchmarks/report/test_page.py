"""The page: whole in itself, the same each time, readable by machines, and closed to injections."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from agents.confidence import mean_interval
from benchmarks.report.page import script_json
from benchmarks.report.settings import Settings
from benchmarks.runs.methods import BASELINES, SEARCHES, method_summary
from benchmarks.statistics.published import published_returns
from programmatic.provenance import PROVENANCE
from programmatic.search.configs import METHODS
from tests.benchmarks.report.conftest import DOORKEY, MAZE, QUICK, MakeReport, write_results

TURN = "DEF run m( WHILE c( not c( frontIsClear c) c) w( turnLeft w) move m)"
VOID = ("meta", "link", "input", "br", "path", "line", "circle", "rect", "use", "img")


class Page(HTMLParser):
    """The elements of a page: name, attributes and text of each, in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[int, str] = {}
        self._open: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self.elements[self._open[-1]][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for i in self._open:
            self.texts[i] = self.texts.get(i, "") + data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text_of(self, tag: str) -> list[str]:
        return [self.texts.get(i, "") for i, (name, _) in enumerate(self.elements) if name == tag]

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """All elements and the names of their attributes."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A benchmark's folder: three seeds of a method with published numbers, one of another."""
    folder = tmp_path / "results"
    returns = (0.2, 0.6, 1.0)
    rows = [{"algo": "DRL", "seed": i, "return": value} for i, value in enumerate(returns)]
    rows += [{"algo": "DRL", "seed": 0, "worlds": "100x100", "return": -0.25}]
    rows += [{"algo": "mine", "return": 0.5, "worlds": "search"}]
    write_results(folder, rows)
    (folder / "rates.csv").write_text(
        "what,unit,per_second,slowest,fastest\nexecute,calls,1234567,1000000,1300000\n"
    )
    return folder


def test_all_parts_are_there(
    make_report: MakeReport, results: Path, training: Path, searches: Path
) -> None:
    text = make_report(results, training, searches, f"turn={TURN}")
    page = Page(text)
    assert page.text_of("h1") == ["Programs and networks on Karel"]
    headings = ["Overview", "Tasks", "Methods", "Throughput", "Published numbers"]
    assert page.text_of("h2") == [*headings, "How it was made"]
    assert "Maze-v0" in page.text_of("h3")
    captions = [caption.strip() for caption in page.text_of("figcaption")]
    for part in ("DRL-action seed 3", "random seed 0", "turn"):
        assert part in captions
    for over in ("frames", "seconds"):
        assert f"Return over {over}" in captions
    for over in ("programs evaluated", "seconds"):
        assert f"Best return over {over}" in captions
    assert "1,230,000" in page.text_of("td")
    assert any("Programs of other seeds (1)" in summary for summary in page.text_of("summary"))
    (data,) = [json.loads(text) for text in page.text_of("script") if text.startswith("{")]
    assert [size["name"] for size in data["sizes"]] == ["8x8", "16x16"]
    assert [len(size["starts"]) for size in data["sizes"]] == [QUICK.worlds] * 2
    assert [len(size["episodes"]) for size in data["sizes"]] == [3] * 2


def test_the_table_has_means_intervals_and_published_numbers(
    make_report: MakeReport, results: Path
) -> None:
    page = Page(make_report(results))
    rows = [" ".join(text.split()) for text in page.text_of("tr")]
    (drl,) = [row for row in rows if row.startswith("DRL ") and " seeds" in row]
    low, high = mean_interval([0.2, 0.6, 1.0])[1:]
    assert f"0.60 {low:.2f} to {high:.2f} · 3 seeds" in drl
    assert "◇ 1.00 DRL" in drl
    assert "\N{MINUS SIGN}0.25 1 seed" in drl
    assert "not measured" in drl
    paragraphs = [" ".join(text.split()) for text in page.text_of("p")]
    (elsewhere,) = [text for text in paragraphs if text.startswith("Also published:")]
    assert "DRL-abs 1.00" in elsewhere
    assert "DRL 1.00" not in elsewhere
    assert any("Trivedi et al., NeurIPS 2021, Table 3" in text for text in page.text_of("li"))
    columns = ["Method", "Fresh worlds of its own size", "Worlds of the search"]
    columns += ["100 \N{MULTIPLICATION SIGN} 100"]
    headings = page.text_of("th")
    assert headings[headings.index("Method") :][:4] == columns


def test_the_overview_has_a_matrix_per_kind_of_worlds(
    make_report: MakeReport, tmp_path: Path
) -> None:
    rows = [{"algo": "DRL", "return": -0.25}, {"algo": "mine", "return": 0.996}]
    rows += [{"algo": "mine", "return": 0.8, "worlds": "search"}]
    write_results(tmp_path, [*rows, {"algo": "more", "return": 0.5, "env_id": DOORKEY}])
    page = Page(make_report(tmp_path, env_id=None))
    assert [" ".join(text.split()) for text in page.text_of("table")[:2]] == [
        "Fresh worlds of its own size Task DRL mine more "
        "Maze-v0 \N{MINUS SIGN}0.25 1.00 1.00 \N{EN DASH}not measured "
        "DoorKey-v0 \N{EN DASH}not measured \N{EN DASH}not measured 0.50",
        "Worlds of the search Task mine Maze-v0 0.80",
    ]
    cells = [attributes for attributes in page.named("td") if "style" in attributes]
    assert [cell["style"] for cell in cells] == [f"--shade:{x}" for x in (0.0, 1.0, 0.5, 0.8)]
    titled = [(a["href"], a["title"]) for a in page.named("a") if "-method-" in a.get("href", "")]
    assert titled[1] == ("#task-1-method-1", "mine in Maze-v0: 1.00, 1 seed")
    assert page.text_of("strong")[:3] == ["1.00", "0.50", "0.80"]  # the best of each row


def test_tasks_are_folded_unless_there_is_only_one(make_report: MakeReport, tmp_path: Path) -> None:
    def open_tasks(*env_ids: str) -> list[bool]:
        write_results(tmp_path, [{"env_id": env_id} for env_id in env_ids])
        folds = Page(make_report(tmp_path, env_id=None)).named("details")
        return ["open" in fold for fold in folds if "task" in fold["class"].split()]

    assert open_tasks(MAZE) == [True]
    assert open_tasks(MAZE, DOORKEY) == [False, False]


def test_named_methods_have_a_sentence(make_report: MakeReport, tmp_path: Path) -> None:
    names = ["cghc", "my own", "DRL-action", "without edits", "random #2", "TRPO from worst"]
    write_results(tmp_path, [{"algo": name} for name in names])
    page = Page(make_report(tmp_path, "random", env_id=MAZE))
    terms = [text.strip() for text in page.text_of("dt")]
    glossary = dict(zip(terms, page.text_of("dd"), strict=True))
    assert glossary["random"] == "Uniformly random actions."  # the policy, not the search
    assert glossary["random #2"].startswith("The best of random programs")
    assert glossary["TRPO from worst"] != method_summary("TRPO")
    assert "my own" not in glossary
    published = set(published_returns()["method"])
    for name in (*BASELINES, *METHODS, *SEARCHES, *published, *names[2:]):
        assert re.fullmatch(r"[A-Z].{20,120}\.", method_summary(name)), name
    assert {name for name in published if name in glossary} >= {"LEAPS", "HPRL", "VIPER"}


def test_runs_of_a_benchmark_have_its_origin(
    make_report: MakeReport, tmp_path: Path, searches: Path
) -> None:
    write_results(tmp_path, [{"run": "searches/a", "seed": seed} for seed in range(2)])
    (tmp_path / "searches").mkdir()
    (tmp_path / "searches" / "runs.csv").write_text(f"id,run,program\n1,a,{TURN}\n")
    page = Page(make_report(tmp_path, searches, env_id=None))
    headings = [text.strip() for text in page.text_of("h4")]
    assert headings[-2:] == [tmp_path.name, f"random on {MAZE}"]


def test_policies_are_evaluated_where_no_table_tells_of_them(
    make_report: MakeReport, results: Path
) -> None:
    text = make_report(results, f"mine={TURN}", f"turn={TURN}", f"{TURN}")
    rows = [" ".join(row.split()) for row in Page(text).text_of("tr")]
    assert any(row.startswith("turn ") and "4 worlds" in row for row in rows)
    # It has a score in the worlds of its search only, so that it is evaluated in fresh ones.
    (mine,) = [row for row in rows if row.startswith("mine ")]
    assert "0.50" in mine
    assert "4 worlds" in mine
    assert "Evaluated for this report, in 4 fresh worlds" in text


def test_it_needs_no_network(
    make_report: MakeReport, results: Path, training: Path, searches: Path
) -> None:
    text = make_report(results, training, searches)
    page = Page(text)
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "action", "srcset", "poster", "data"):
                assert re.match(r"#|data:,$", value), (tag, name, value)
    assert not re.search(r"@import|url\((?!#)", "".join(page.text_of("style")))
    assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(", "".join(page.text_of("script")))
    policy = next(m["content"] for m in page.named("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_equal_runs_make_equal_pages(
    make_report: MakeReport, results: Path, training: Path, searches: Path
) -> None:
    runs = results, training, searches, "random"
    assert make_report(*runs) == make_report(*runs)


def test_ids_are_there_once_and_links_lead_to_them(
    make_report: MakeReport, results: Path, training: Path, searches: Path
) -> None:
    text = make_report(results, training, searches, f"turn={TURN}")
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    linked = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', text)
    assert len(linked) > 10
    assert set(linked) <= set(ids)


def test_whatever_is_seen_has_a_name(
    make_report: MakeReport, results: Path, training: Path
) -> None:
    page = Page(make_report(results, training, f"turn={TURN}"))
    for tag, attributes in page.elements:
        if attributes.get("role") in ("img", "region", "group") or tag in ("canvas", "nav"):
            assert attributes.get("aria-label"), (tag, attributes)
    for i, (tag, attributes) in enumerate(page.elements):
        if tag == "button":
            assert attributes.get("aria-label") or page.texts[i].strip()
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    words = [a["aria-label"] for a in page.named("div") if a.get("role") == "img"]
    assert any(text.startswith("Return over frames. DRL-action (1 run): from") for text in words)


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raise %}",
    "<!-- <![CDATA[ &lt;b&gt; \u2028",
    "$\\frac$ __",
)


def poisoned(folder: Path, text: str, training: Path, search: Path) -> list[Path]:
    """A training, a search, results, rates and an evaluation with a text wherever one can be."""
    import shutil

    name = text.replace("/", "_")  # of folders, too
    run = shutil.copytree(training, folder / f"training {name}")
    config = json.loads((run / "config.json").read_text())
    config |= {"algo": text, "obs": text}
    config |= dict.fromkeys(PROVENANCE, text)
    config["versions"] = {text: text}
    (run / "config.json").write_text(json.dumps(config))
    other = shutil.copytree(search, folder / f"search {name}")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"method": text, "budget": text}))
    results = folder / f"results {name}"
    row = {"algo": text, "worlds": text, "commit": text, "machine": text, "run": text}
    write_results(results, [row, row | {"env_id": text, "algo": "hc"}])
    rate = {"what": text, "unit": text, "per_second": 1.0, "slowest": 1.0, "fastest": 1.0}
    rates = pd.DataFrame([rate | {"commit": text, "machine": text}])
    rates.to_csv(results / "rates.csv", index=False)
    evaluation = folder / f"evaluation {name}"
    evaluation.mkdir()
    table = {"policy": text, "episodes": 3, "mean_return": 0.5, "ci_low": 0.1, "ci_high": 0.9}
    pd.DataFrame([table | {"note": text}]).to_csv(evaluation / "table.csv", index=False)
    values = {"env_id": text, "policies": [TURN], "seed": text, "command": text}
    values |= dict.fromkeys(PROVENANCE, text)
    (evaluation / "config.json").write_text(json.dumps(values))
    return [run, other, results, evaluation]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_run_folder_becomes_markup(
    text: str, make_report: MakeReport, tmp_path: Path, training: Path, searches: Path
) -> None:
    def page(kind: str, put: str) -> Page:
        folder = tmp_path / kind
        sources = poisoned(folder, put, training, searches / "random-0")
        named = f"{put.replace('=', ' ')}={TURN}"
        return Page(make_report(*sources, named, title=put, settings=Settings(2, 1, None, 3)))

    harmless, hostile = page("harmless", "harmless"), page("hostile", text)
    assert hostile.skeleton == harmless.skeleton
    assert hostile.text_of("h1") == [text]
    assert any(text in cell for cell in hostile.text_of("th"))
    assert hostile.text_of("code").count(text) >= 2  # the command lines of two folders


def test_data_cannot_close_their_element() -> None:
    value = {"a": "</script><script>", "b": ["<!--", "&", 1.5]}
    text = str(script_json(value))
    assert not re.search("[<>&]", text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json(float("nan"))


def test_a_task_that_is_not_known_is_not_imported(
    make_report: MakeReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    write_results(tmp_path / "results", [{"env_id": "trap:Karel-Trap-v0"}])
    text = make_report(tmp_path / "results", env_id=None)
    assert "This task is not registered here" in text
    assert "Trap-v0" in text


def test_a_policy_for_one_size_of_worlds_is_shown_in_that_only(
    make_report: MakeReport, tmp_path: Path
) -> None:
    from agents import train

    small = {"num_envs": 1, "n_steps": 4, "batch_size": 4, "eval_episodes": 1, "max_steps": 4}
    run = tmp_path / "grid"
    train("ppo", "Karel-WallAvoider-v0", obs="grid", run_dir=run, total_timesteps=4, **small)
    page = Page(make_report(run, env_id=None))
    (data,) = [json.loads(text) for text in page.text_of("script") if text.startswith("{")]
    own, larger = data["sizes"]
    assert [len(episodes) for episodes in own["episodes"]] == [QUICK.worlds]
    assert larger["episodes"] == [[]]


def test_a_dozen_tasks_keep_the_page_small(make_report: MakeReport) -> None:
    text = make_report("random", f"turn={TURN}", env_id=DOORKEY, settings=Settings(episodes=2))
    assert len(text) < 3_000_000 / 12


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from karel_gym.cli import main

    out = tmp_path / "deep" / "page.html"
    arguments = ["report", TURN, "--env", MAZE, "--out", str(out), "--episodes", "2"]
    assert main([*arguments, "--worlds", "1", "--max-frames", "5"]) == 0
    assert f"report: {out} (0." in capsys.readouterr().out
    text = out.read_text()
    assert "karel-gym report &#39;DEF run m( WHILE" in text
    assert "--episodes 2 --worlds 1 --max-frames 5" in text
    assert main(["report", "nowhere"]) == 2
    assert "'nowhere' is neither an existing folder" in capsys.readouterr().err
    assert main(["report", TURN, "--worlds", "0", "--env", MAZE]) == 2
    assert "worlds must be a whole number from 1 up, got 0" in capsys.readouterr().err
