"""Players: the policies of a task side by side on the same worlds, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agents.policies import Contestant, RandomPolicy
from benchmarks.report.findings import OWN_WORLDS, Run, size_name
from benchmarks.report.replays import as_json, record, start_of
from benchmarks.report.settings import Settings
from benchmarks.report.tasks import ReportedTask
from karel_gym.registration import sample_worlds
from programmatic.dsl import Program, pretty_lines
from programmatic.dsl.tokens import ACTION_TOKENS, TOKENS
from programmatic.trees.policy import TreePolicy

SIGHTS = {
    "grid": "A network that sees the whole world.",
    "percepts": "A network that has the same percepts as a program.",
    "percepts+action": "A network that has the percepts of a program and its last action.",
}
ACTION_WORDS = {TOKENS[token] for token in ACTION_TOKENS}


class Word(NamedTuple):
    """A word of a program."""

    text: str
    kind: str  # "keyword", "bracket", "action" or "percept"


class Line(NamedTuple):
    """A line of a program."""

    indent: int
    words: tuple[Word, ...]


class Listing(NamedTuple):
    """Programs as text, one below the other."""

    lines: tuple[Line, ...]  # empty for a tree
    text: str


class Seat(NamedTuple):
    """A policy in a player."""

    run: Run
    number: int  # of its method
    listing: Listing | None  # its program or options; None for other networks
    sees: str  # its observation in words


class Player(NamedTuple):
    """The contents of a player."""

    seats: tuple[Seat, ...]
    data: dict[str, Any]  # the worlds and episodes, as JSON values


def chosen(runs: Iterable[Run], numbers: Mapping[str, int]) -> list[Run]:
    """One run per method: the one with the lowest seed that has a policy."""
    able = [run for run in runs if run.policy is not None]
    first: dict[str, Run] = {}
    for run in sorted(able, key=lambda run: (numbers[run.method], run.seed or 0)):
        first.setdefault(run.method, run)
    return list(first.values())


def player_of(
    contestants: Sequence[tuple[Run, Contestant]],
    task: ReportedTask,
    numbers: Mapping[str, int],
    settings: Settings,
) -> Player | None:
    """The player of a task, or None; `numbers` are those of the methods."""
    if not contestants or not task.shapes:
        return None
    worlds, seed, max_frames = settings.worlds, settings.seed, settings.max_frames
    sizes = []
    for name, shape in task.shapes.items():
        starts = sample_worlds(task.env_id, worlds, seed, *shape)
        episodes: list[Any] = []
        for _, contestant in contestants:
            able = contestant.shape in (None, shape)
            shown = record(contestant, task.env_id, starts, seed, max_frames) if able else []
            episodes.append(as_json(shown))
        sizes.append(
            {
                "name": size_name(shape),
                "own": name == OWN_WORLDS,
                "height": shape[0],
                "width": shape[1],
                "starts": [start_of(task.env_id, starts, i) for i in range(worlds)],
                "episodes": episodes,
            }
        )
    seats = tuple(
        Seat(run, numbers[run.method], _listing_of(contestant), _sees(contestant))
        for run, contestant in contestants
    )
    return Player(seats, {"sizes": sizes, "maxFrames": max_frames})


def _sees(contestant: Contestant) -> str:
    return "" if isinstance(contestant.policy, RandomPolicy) else SIGHTS.get(contestant.obs, "")


def _listing_of(contestant: Contestant) -> Listing | None:
    """The listing of a program, options or tree; None for other policies."""
    if contestant.programs:
        return listing(*contestant.programs)
    if isinstance(contestant.policy, TreePolicy):
        return Listing((), str(contestant.policy.program))
    return None


def listing(*programs: Program) -> Listing:
    """The listing of programs.

    Example:
        >>> shown = listing(Program.parse("DEF run m( turnLeft m)"))
        >>> [[word.kind for word in line.words] for line in shown.lines]
        [['keyword', 'keyword', 'bracket'], ['action'], ['bracket']]
    """
    lines = tuple(
        Line(line.indent, tuple(Word(text, _kind(text)) for text in line.text.split()))
        for program in programs
        for line in pretty_lines(program.tokens)
    )
    return Listing(lines, "\n".join(program.pretty() for program in programs))


def _kind(word: str) -> str:
    if word.endswith(("(", ")")) and len(word) == 2:
        return "bracket"
    if word in ACTION_WORDS:
        return "action"
    return "keyword" if word.partition("=")[0].isupper() or word in ("run", "not") else "percept"
