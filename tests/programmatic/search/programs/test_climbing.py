"""Compiled hill climbing: a plain one finds the same, with and without what makes it fast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from karel_gym import sample_worlds
from karel_gym.registration import TASKS, task_of
from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.simulation.rng import below, mix
from programmatic import Program, execute
from programmatic.dsl import PAD
from programmatic.references import reference_program
from programmatic.search.configs import HCConfig
from programmatic.search.objective import Objective
from programmatic.search.programs.canonical import canonical_hash
from programmatic.search.programs.climb_state import (
    BEST_LENGTH,
    CLIMBS,
    EVALUATIONS,
    LENGTH,
    NEIGHBOURS,
    RUNS,
    SCORE,
    TRIED,
    UNIT,
    Climb,
    Elites,
    Gains,
    StartWorlds,
    climb_room,
)
from programmatic.search.programs.climbing import accepted_loss, climb, scheduled
from programmatic.search.programs.dictionary import dictionary_of
from programmatic.search.programs.elites import no_elites
from programmatic.search.programs.method import ProgramClimbing
from programmatic.search.programs.space import (
    SPACES,
    ProgramSpace,
    draw_neighbours,
    draw_space_programs,
)
from programmatic.search.start_worlds import begin_worlds
from tests.programmatic.sample_programs import SKILLED
from tests.programmatic.search.programs.test_elites import draw_crosses

ACCELERATIONS = ("skip_loops", "drop_early", "skip_repeated", "skip_unreached", "worst_first")
# Rewards that oscillate, worlds that change, many equal worlds, random streams that matter.
ENVS = ("Karel-FourCorners-v0", "Karel-DoorKey-v0", "Karel-Harvester-v1", "Karel-Snake-v0")
N_WORLDS = 6
N_ELITES = 4
NEVER = 2**62


def kernel_state(method: ProgramClimbing, n_elites: int = 0) -> Climb:
    start = method.start()
    return Climb(
        start.numbers.numpy(),
        np.array([start.rng], dtype=np.uint64),
        start.parent.numpy(),
        start.returns.numpy(),
        start.best.numpy(),
        no_elites(n_elites, 45, len(method.worlds.weights)),
    )


def climb_on(
    env_id: str,
    limits: list[int],
    rules: dict[str, Any],
    seed: int = 0,
    horizon: str | int = "task",
) -> tuple[Climb, list[tuple[int, str]]]:
    """The state and the gains after climbing to each of some numbers of evaluations."""
    config = HCConfig(n_worlds=N_WORLDS, horizon=horizon)
    method = ProgramClimbing(config, Objective(env_id, config, seed), seed)
    state = kernel_state(method, N_ELITES if rules.get("crossed_percent") else 0)
    chosen = method.rules._replace(**({"solved": NEVER} | rules))
    gains = Gains(*(np.zeros(shape, kind) for shape, kind in (((9, 45), "i1"), (9, int), (9, int))))
    starts = np.zeros((0, 45), dtype=np.int8), np.zeros(0, dtype=np.int64)
    found = []
    for limit in limits:
        while state.numbers[EVALUATIONS] < limit:
            room = climb_room(chosen, method.worlds, 45)
            n = climb.of(task_of(env_id))(chosen, method.worlds, *starts, state, limit, room, gains)
            for i in range(n):
                program = Program.from_tokens(gains.tokens[i, : gains.lengths[i]])
                found.append((int(gains.evaluations[i]), str(program)))
    return state, found


def outcome(state: Climb) -> tuple[Any, ...]:
    """What no acceleration may change."""
    numbers = state.numbers.copy()
    current, best = state.parent[: numbers[LENGTH]], state.best[: numbers[BEST_LENGTH]]
    return (*numbers[: BEST_LENGTH + 2], state.rng[0], current.tolist(), best.tolist())


def hash_of(tokens: np.ndarray) -> np.uint64:
    return np.uint64(canonical_hash(tokens, int((tokens != PAD).sum())))


def plain_climb(
    env_id: str, limit: int, rules: dict[str, Any], seed: int, horizon: str | int
) -> tuple[Any, ...]:
    """Hill climbing and annealing as they are told, one program after the other."""
    config = HCConfig(n_worlds=N_WORLDS, horizon=horizon)
    method = ProgramClimbing(config, Objective(env_id, config, seed), seed)
    rng, worlds, limits = kernel_state(method).rng, method.objective.worlds, method.objective.limits
    chosen = method.rules._replace(**rules)
    gains, evaluations, climbs, best = [], 0, 0, (-math.inf, 0)
    elites: list[tuple[int, list[float], np.ndarray]] = []  # score, returns, tokens

    def score_of(tokens: np.ndarray) -> int:
        nonlocal evaluations, best
        evaluations += 1
        returns = execute(tokens, worlds, env_id, *limits).returns[0]
        return sum(math.floor(value * UNIT + 0.5) for value in returns)

    def note(score: int, tokens: np.ndarray) -> None:
        nonlocal best
        program = Program.from_tokens(tokens[0])
        if (score, -len(program.tokens)) > best:
            best = score, -len(program.tokens)
            gains.append((evaluations, str(program)))

    while evaluations < limit:
        tokens = np.full((1, 45), 50, dtype=np.int8)
        if len(elites) == N_ELITES and below.py_func(rng, 100) < chosen.crossed_percent:
            rows = np.concatenate([elite for _, _, elite in elites])
            draw_crosses(chosen.space, Elites(rows, np.zeros((N_ELITES, 0))), tokens, rng)
        else:
            draw_space_programs(chosen.space, tokens, rng[None])
        current, climbs, tried = score_of(tokens), climbs + 1, 0
        note(current, tokens)
        while evaluations < limit and tried < chosen.first_neighbours:
            parent = np.array(Program.from_tokens(tokens[0]).tokens, dtype=np.int8)
            neighbour = np.full((1, 45), 50, dtype=np.int8)
            draw_neighbours(chosen.space, parent, neighbour, rng[None])
            score, tried, allowed = score_of(neighbour), tried + 1, 0
            if chosen.temperature > 0:
                both = hash_of(parent) ^ hash_of(neighbour[0])
                luck = np.uint64(mix(np.uint64(mix(both)) + np.uint64(climbs)))
                progress = tried / chosen.first_neighbours
                allowed = accepted_loss(chosen.temperature, progress, luck)
            if score > current - allowed or (chosen.sideways and score == current - allowed):
                tried = 0 if score > current and chosen.temperature == 0 else tried
                current, tokens = score, neighbour
                note(score, neighbour)
        if tried == chosen.first_neighbours and chosen.crossed_percent > 0:
            keep(elites, current, tokens, execute(tokens, worlds, env_id, *limits).returns[0])
    return gains, climbs, tried, current, str(Program.from_tokens(tokens[0]))


def keep(elites: list[Any], score: int, tokens: np.ndarray, returns: np.ndarray) -> None:
    """Take the result of a climb into the elites as their module tells it."""
    found, length = (score, returns.tolist(), tokens), (tokens != PAD).sum()
    same = [row for row, elite in enumerate(elites) if elite[1] == found[1]]
    if same:
        if length < (elites[same[0]][2] != PAD).sum():
            elites[same[0]] = found
    elif len(elites) < N_ELITES:
        elites.append(found)
    else:
        worst = min(range(N_ELITES), key=lambda row: elites[row][0])
        if score > elites[worst][0]:
            elites[worst] = found


@pytest.mark.parametrize("crossed", [0, 60])
@pytest.mark.parametrize(
    ("sideways", "horizon", "temperature"),
    [
        *((False, "published", 0.0), (True, "published", 0.0), (True, "task", 0.0)),
        *((True, 7, 0.0), (True, "task", 0.2 * N_WORLDS * UNIT)),
    ],
)
@pytest.mark.parametrize("env_id", ENVS[:2])
def test_it_does_what_the_papers_tell(
    env_id: str, sideways: bool, horizon: str | int, temperature: float, crossed: int
) -> None:
    rules = {"first_neighbours": 40, "last_neighbours": 40, "sideways": sideways}
    rules |= {"crossed_percent": crossed, "temperature": temperature}
    limit = 1500
    state, gains = climb_on(env_id, [limit], rules, 1, horizon)
    expected, climbs, tried, current, program = plain_climb(env_id, limit, rules, 1, horizon)
    assert gains == expected
    assert len(gains) > 2
    numbers = state.numbers
    assert (numbers[CLIMBS], numbers[TRIED], numbers[SCORE]) == (climbs, tried, current)
    assert str(Program.from_tokens(state.parent[: numbers[LENGTH]])) == program


@pytest.mark.parametrize("horizon", ["task", "published"])
@pytest.mark.parametrize(
    ("sideways", "edits", "temperature"),
    [(False, 0, 0.0), (True, 0, 0.0), (True, 60, 0.0), (True, 60, 0.1 * N_WORLDS * UNIT)],
)
@pytest.mark.parametrize("env_id", ENVS)
def test_accelerations_change_nothing(
    env_id: str, sideways: bool, edits: int, temperature: float, horizon: str
) -> None:
    rules: dict[str, Any] = {"sideways": sideways, "total": 3000}
    rules |= {"first_neighbours": 60, "last_neighbours": 200}
    rules |= {"crossed_percent": edits, "temperature": temperature}
    dictionary = dictionary_of(SKILLED, edits / 100)
    rules["space"] = ProgramSpace(edits=edits, dictionary=dictionary)
    with_all, gains = climb_on(env_id, [3000], rules, horizon=horizon)
    for off in [ACCELERATIONS, *[(name,) for name in ACCELERATIONS[1:]]]:
        without_these = rules | dict.fromkeys(off, False)
        without, same_gains = climb_on(env_id, [3000], without_these, horizon=horizon)
        assert outcome(without) == outcome(with_all)
        assert same_gains == gains
        if off != ("worst_first",):  # which saves runs on the whole, not always
            assert without.numbers[RUNS] >= with_all.numbers[RUNS]
        if off == ACCELERATIONS:
            assert without.numbers[RUNS] > 1.2 * with_all.numbers[RUNS]


@pytest.mark.parametrize("env_id", ENVS)
def test_equal_worlds_are_run_once_and_count_as_often_as_they_are(env_id: str) -> None:
    config = HCConfig(n_worlds=32, neighbours=60, batch_size=2000)
    merged = ProgramClimbing(config, Objective(env_id, config, 0), 0)
    state, _ = merged.step(merged.start())
    task, batch = task_of(env_id), merged.objective.worlds
    each = ProgramClimbing(config, Objective(env_id, config, 0), 0)
    apart = [begin_worlds(task, type(batch).from_worlds([world])) for world in batch]
    arrays = {
        name: np.concatenate([getattr(w.arrays, name) for w in apart])
        for name in WorldArrays._fields
        if name != "width"
    }
    each.worlds = StartWorlds(
        WorldArrays(width=batch.shape[1], **arrays), np.concatenate([w.weights for w in apart])
    )
    other, _ = each.step(each.start())
    assert len(merged.worlds.weights) == {"Karel-Harvester-v1": 4}.get(env_id, 32) or (
        env_id == "Karel-FourCorners-v0" and len(merged.worlds.weights) == 1
    )
    assert merged.worlds.weights.sum() == 32
    columns = slice(0, BEST_LENGTH + 2)
    assert state.numbers[columns].tolist() == other.numbers[columns].tolist()
    assert (state.rng, state.best.tolist()) == (other.rng, other.best.tolist())
    assert merged.objective.tally.best == each.objective.tally.best


def test_parts_of_a_climb_make_the_whole() -> None:
    rules = {"first_neighbours": 30, "last_neighbours": 90, "total": 2000, "sideways": True}
    rules |= {"crossed_percent": 50}
    whole, gains = climb_on("Karel-DoorKey-v0", [2000], rules)
    parts, same_gains = climb_on("Karel-DoorKey-v0", [1, 2, 33, 700, 701, 2000], rules)
    assert outcome(parts) == outcome(whole)
    assert same_gains == gains


def test_a_climb_ends_after_as_many_neighbours_in_vain_as_the_rules_say() -> None:
    config = HCConfig(n_worlds=N_WORLDS, neighbours=5, batch_size=1)
    method = ProgramClimbing(config, Objective("Karel-DoorKey-v0", config, 0), 0)
    state, starts, since_gain = method.start(), [], 0
    for evaluation in range(1, 300):
        score = int(state.numbers[SCORE])
        state, figures = method.step(state)
        if figures["climbs"] > len(starts):
            assert not starts or since_gain == 5
            starts.append(evaluation)
            since_gain = 0
        else:
            since_gain = 0 if int(state.numbers[SCORE]) > score else since_gain + 1
    assert min(np.diff(starts)) == 6  # a start, and five neighbours in vain
    assert max(np.diff(starts)) > 6


def test_the_schedule_is_the_published_one() -> None:
    found = [scheduled(32, 2048, n, 10**6) for n in (0, 1, 10, 1000, 10**5, 10**6, 10**7)]
    assert found == [32, 32, 43, 256, 1551, 2048, 2048]
    assert all(scheduled(250, 250, n, 10**6) == 250 for n in (0, 7, 10**6))
    for n in np.unique(np.logspace(0, 6, 300).astype(int)):
        s = (math.sin((2 * math.log10(n) / 6 - 1) * math.pi / 2) + 1) / 2
        assert abs(scheduled(32, 2048, int(n), 10**6) - 2 ** (5 + 6 * s)) <= 1 + 1e-9


def test_climbs_of_the_schedule_have_its_neighbours() -> None:
    rules = {"first_neighbours": 8, "last_neighbours": 512, "total": 3000}
    for limit in (1, 300, 3000):
        state, _ = climb_on("Karel-Maze-v1", [limit], rules)
        assert 8 <= state.numbers[NEIGHBOURS] <= scheduled(8, 512, limit, 3000)
    assert state.numbers[NEIGHBOURS] > 100


@pytest.mark.parametrize("env_id", TASKS)
def test_no_return_is_above_the_bound_that_candidates_are_dropped_by(env_id: str) -> None:
    several = [Program.from_tokens(row) for row in SPACES["larger"].random(1500, seed=3).tolist()]
    several += [*SKILLED, reference_program(env_id)]
    returns = execute(several, sample_worlds(env_id, 20, 4), env_id).returns
    assert returns.max() <= task_of(env_id).max_return + 1e-9
    assert returns.max() > 0.5


def test_a_return_above_the_bound_is_told() -> None:
    env_id = "Karel-Harvester-v1"
    config = HCConfig(n_worlds=4, batch_size=1000)
    method = ProgramClimbing(config, Objective(env_id, config, 0), 0)
    method.rules = method.rules._replace(most=int(0.01 * UNIT), solved=NEVER)
    with pytest.raises(ValueError, match="above the task's max_return"):
        method.step(method.start())
