"""The page in a browser: it plays, the program's line follows, keys work, it can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.replays import ALPHABET
from benchmarks.report.settings import Settings
from benchmarks.report.writing import write_report
from karel_gym.rendering.look_shapes import WOOD
from karel_gym.tasks.looks import Look
from programmatic.references import reference_program
from tests.benchmarks.report.conftest import DOORKEY, MAZE, write_results

FRAMES = 40
METHODS = "cghc", "hc"
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a program and random actions in DoorKey."""
    out = tmp_path_factory.mktemp("browser") / "report.html"
    runs = [f"reference={reference_program(DOORKEY)}", "random"]
    write_report(runs, out, DOORKEY, settings=Settings(episodes=2, worlds=2, max_frames=FRAMES))
    return out


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two tasks: programs of two methods in both, curves and two kinds of worlds."""
    folder = tmp_path_factory.mktemp("tasks")
    cells = [(name, task, seed) for task in (DOORKEY, MAZE) for name in METHODS for seed in (0, 1)]
    runs = [f"{name}-{task}-{seed}" for name, task, seed in cells]
    rows = [
        {"algo": name, "env_id": task, "seed": seed, "run": f"searches/{run}", "worlds": worlds}
        for (name, task, seed), run in zip(cells, runs, strict=True)
        for worlds in ("search", "own")
    ]
    write_results(folder, rows)
    (folder / "searches").mkdir()
    found = [
        f"{run},{reference_program(task)}" for (_, task, _), run in zip(cells, runs, strict=True)
    ]
    (folder / "searches" / "runs.csv").write_text("\n".join(["run,program", *found]))
    points = [f"{n},{task},{seed},evaluations,{x},0.5" for n, task, seed in cells for x in (1, 9)]
    (folder / "curves.csv").write_text("\n".join(["algo,env_id,seed,unit,x,return", *points]))
    write_report([str(folder)], folder / "report.html", settings=Settings(worlds=1, max_frames=40))
    return folder / "report.html"


def opened(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """The report, opened; at the end nothing may have been complained of, or asked of a network."""
    context = browser.new_context(**{"viewport": DESKTOP} | options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: r.url.startswith("file:") or complaints.append(r.url))
    page.goto(file.as_uri())
    yield page
    assert [text for text in complaints if text != "data:,"] == []
    context.close()


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """A report of one task."""
    yield from opened(browser, file)


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def folded(browser: Any, tasks: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A report of two tasks."""
    yield from opened(browser, tasks, viewport=request.param)


@pytest.fixture
def still(browser: Any, tasks: Path) -> Iterator[Any]:
    """A report of two tasks without JavaScript."""
    yield from opened(browser, tasks, java_script_enabled=False)


def step(page: Any) -> int:
    return int(page.locator("[data-player]").get_attribute("data-step"))


def reaches(page: Any, expected: int) -> None:
    """Waits until the player has come so far."""
    for _ in range(200):
        if step(page) >= expected:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"the player stays at step {step(page)}")


def data_of(page: Any) -> dict[str, Any]:
    return json.loads(page.locator("script[type='application/json']").text_content())


def picture(page: Any, seat: int = 0) -> str:
    canvas = page.locator("canvas").nth(seat)
    return canvas.evaluate("canvas => canvas.toDataURL()")


def line_of(page: Any) -> int:
    return page.locator(".line").evaluate_all(
        "lines => lines.findIndex(line => line.classList.contains('current'))"
    )


def test_it_plays_and_pauses(page: Any) -> None:
    first = picture(page)
    assert step(page) == 0
    page.select_option("select", "40")
    page.get_by_role("button", name="Play").click()
    reaches(page, 4)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()
    reached = step(page)
    assert picture(page) != first
    page.wait_for_timeout(150)
    assert step(page) == reached
    page.get_by_role("button", name="Play").click()
    reaches(page, FRAMES)
    page.get_by_role("button", name="Play").wait_for()  # it has come to the end by itself


def test_the_line_of_the_program_follows(page: Any) -> None:
    lines = data_of(page)["sizes"][0]["episodes"][0][0]["lines"]
    assert line_of(page) == -1
    seen = set()
    for line in lines[:20]:
        page.get_by_role("button", name="Step forward").click()
        assert line_of(page) == line
        seen.add(line)
    assert len(seen) > 2
    assert page.locator("[aria-current=step]").count() == 1


def test_it_is_driven_by_keys(page: Any) -> None:
    page.locator(".stage").focus()
    for key, expected in (
        *(("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)),
        *(("End", FRAMES), ("ArrowRight", FRAMES), ("Home", 0), ("ArrowLeft", 0)),
    ):
        page.keyboard.press(key)
        assert step(page) == expected
    page.keyboard.press(" ")
    page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play").wait_for()
    # All of it can be reached by keys alone, and is seen to be.
    page.locator("body").press("Tab")
    reached = set()
    for _ in range(60):
        reached.add(page.evaluate("document.activeElement.dataset.do ?? ''"))
        page.keyboard.press("Tab")
    assert reached >= {"first", "back", "play", "forward", "last"}


def test_a_door_is_drawn_as_a_door(page: Any) -> None:
    size = data_of(page)["sizes"][0]
    looks = [ALPHABET.index(letter) for letter in size["starts"][0]["looks"]]
    row, col = divmod(looks.index(Look.CLOSED_DOOR), size["width"])
    pixel = page.locator("canvas").first.evaluate(
        "(canvas, [x, y]) => Array.from(canvas.getContext('2d')"
        ".getImageData(canvas.width * x, canvas.height * y, 1, 1).data)",
        [(col + 0.15) / size["width"], (row + 0.5) / size["height"]],
    )
    assert "#{:02x}{:02x}{:02x}".format(*pixel) == WOOD


def test_going_back_shows_what_was_before(page: Any) -> None:
    page.locator(".stage").focus()
    pictures = [picture(page)]
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        pictures.append(picture(page))
    for expected in reversed(pictures[:-1]):
        page.keyboard.press("ArrowLeft")
        assert picture(page) == expected
    page.locator("input[type=range]").fill("8")
    assert picture(page) == pictures[8]


def test_worlds_sizes_and_policies_are_chosen(page: Any) -> None:
    small, player = picture(page), page.locator(".player")
    player.get_by_label("16 \N{MULTIPLICATION SIGN} 16").check()
    assert picture(page) != small
    sizes = data_of(page)["sizes"]
    width, height = page.locator("canvas").first.evaluate("c => [c.width, c.height]")
    assert width % sizes[1]["width"] == height % sizes[1]["height"] == 0
    player.get_by_label("8 \N{MULTIPLICATION SIGN} 8").check()
    player.get_by_label("2", exact=True).check()
    assert picture(page) != small
    player.get_by_label("1", exact=True).check()
    assert picture(page) == small
    player.get_by_label("random", exact=True).uncheck()
    assert page.locator(".seat").nth(1).is_hidden()
    assert page.locator(".seat").nth(0).is_visible()


def test_what_happens_is_told_in_words(page: Any) -> None:
    episode = data_of(page)["sizes"][0]["episodes"][1][0]
    page.locator(".stage").focus()
    page.keyboard.press("End")
    status = page.get_by_role("status")
    assert status.get_attribute("aria-live") == "polite"
    told = status.text_content()
    assert f"Step {FRAMES} of {FRAMES}." in told
    total = f"{sum(episode['rewards'][1::2]):.2f}".replace("-", "\N{MINUS SIGN}")
    assert f"random: return {total}, {episode['end']}" in told
    caption = page.locator(".caption").first.text_content()
    assert f"shown up to step {FRAMES}" in caption
    page.keyboard.press(" ")
    assert status.get_attribute("aria-live") == "off"
    page.keyboard.press(" ")


def test_the_program_is_copied(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the program of reference").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == reference_program(DOORKEY).pretty()


def test_a_cell_of_the_overview_opens_its_task(folded: Any) -> None:
    started = folded.locator("[data-step]")
    assert started.count() == 0
    assert folded.locator(".results").first.is_hidden()
    folded.locator("td a[href='#task-2-method-1']:visible").click()
    row = folded.locator("#task-2-method-1")
    assert row.is_visible()
    summary = folded.locator("#task-2 > summary").bounding_box()
    assert row.bounding_box()["y"] >= summary["y"] + summary["height"] - 1
    folded.locator("#task-2 [data-step]").wait_for()
    assert started.count() == 1
    assert folded.locator("#task-1 .results").is_hidden()
    folded.get_by_role("button", name="Open all").click()
    folded.locator("#task-1 [data-step]").wait_for()
    folded.get_by_role("button", name="Close all").click()
    assert folded.locator(".results:visible").count() == 0


def test_a_link_with_a_hash_opens_what_it_names(folded: Any, tasks: Path) -> None:
    folded.goto("about:blank")
    folded.goto(f"{tasks.as_uri()}#about-1")
    assert folded.locator("#about-1").is_visible()
    assert folded.locator("#about-1").evaluate("e => e.getBoundingClientRect().top") < 844


def test_methods_are_hidden_everywhere(folded: Any) -> None:
    folded.get_by_role("button", name="Open all").click()
    folded.locator(".others > summary").first.click()

    def seen(index: int) -> set[str]:
        """The kinds of elements in which a method is visible."""
        return set(
            folded.locator(f"[data-method='{index}']").evaluate_all(
                "parts => parts.filter(part => part.getClientRects().length)"
                ".map(part => part.closest('section, .appendix .fold').id + ' ' + part.localName)"
            )
        )

    everywhere = {"overview th", "overview td", "methods div"}
    everywhere |= {f"tasks {name}" for name in ("tr", "label", "div", "li", "g")}
    folded.locator("#methods > summary").click()
    assert seen(0) == seen(1) == everywhere
    folded.locator(".filter label").first.click()
    assert seen(0) == set()
    assert seen(1) == everywhere
    assert METHODS[0] not in folded.get_by_role("status").first.text_content()
    folded.get_by_role("button", name="None", exact=True).click()
    assert folded.locator(".player:visible, .matrix table tr:visible").count() == 0
    folded.get_by_role("button", name="All", exact=True).click()
    assert seen(0) == seen(1) == everywhere


def test_one_kind_of_worlds_is_shown_at_a_time(folded: Any) -> None:
    assert folded.locator(".matrix:visible").count() == 1
    fresh = folded.get_by_role("region", name="Mean returns: Fresh worlds of its own size")
    search = folded.get_by_role("region", name="Mean returns: Worlds of the search")
    assert fresh.is_visible()
    folded.locator(".switches").get_by_label("Worlds of the search").check()
    assert search.is_visible()
    assert fresh.is_hidden()


def test_controls_stay_in_view_and_programs_are_whole(folded: Any) -> None:
    folded.locator("#task-1 > summary").click()
    player, height = folded.locator("#task-1 .player"), folded.viewport_size["height"]
    player.evaluate("player => player.scrollIntoView()")
    assert player.bounding_box()["height"] > height / 2
    for share in (0, 0.3, 0.6):
        player.evaluate("(p, s) => scrollTo(0, p.offsetTop + s * p.offsetHeight)", share)
        box = folded.locator("#task-1 .controls").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height + 1
    for part in folded.locator("#task-1 pre").all():
        assert part.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
        assert part.evaluate("e => e.scrollWidth <= e.clientWidth + 1")


def test_it_can_be_read_without_javascript(still: Any) -> None:
    assert still.locator(".switches").is_hidden()
    assert still.locator(".matrix:visible caption:visible").count() == 2
    still.locator("#task-1 > summary").click()
    assert still.locator("#task-1 .results tr:visible").count() >= 3
    assert still.locator("#task-1 pre:visible").count() == len(METHODS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("n_tasks", [1, 2])
def test_it_fits_and_can_be_read(
    browser: Any, file: Path, tasks: Path, n_tasks: int, viewport: Any, scheme: Any
) -> None:
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.goto((tasks if n_tasks == 2 else file).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(LOW_CONTRAST) == []
    corner = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert (sum(map(int, corner[4:-1].split(","))) < 200) == (scheme == "dark")
    page.close()


LOW_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => c / 255).map(
      (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    const [r, g, b, alpha = 1] = numbers(getComputedStyle(element).backgroundColor);
    if (alpha === 1) return [r, g, b];
    const behind = background(element.parentElement);
    return [r, g, b].map((colour, i) => alpha * colour + (1 - alpha) * behind[i]);
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const own = numbers(element.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(own), light(background(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push([element.className, element.textContent]);
  }
  return low;
}"""
"""Texts whose contrast with what is behind them is below the 4.5 of WCAG's level AA."""
