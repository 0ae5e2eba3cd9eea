"""Everything that takes what users give: right input is taken, wrong input is refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from agents import train
from agents.drl.hyperparameters import parse_dict
from agents.drl.models import load_model, save_model
from agents.drl.settings import TrainConfig
from agents.morl.models import load_policy, new_model, save_policy
from agents.morl.settings import MORLConfig
from agents.policies import contestants
from karel_gym import World, WorldBatch, sample_worlds
from karel_gym.envs.sb3 import make_sb3_vec_env
from karel_gym.envs.signature import signature_of
from karel_gym.registration import TASKS
from programmatic import Program, execute
from programmatic.constraints.parser import parse_constraints
from programmatic.dsl import TOKENS
from programmatic.leaps import ProgramVAE
from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.data.generation import generate
from programmatic.leaps.model.checkpoints import write_state_dict
from programmatic.leaps.settings import DatasetConfig, PretrainConfig
from programmatic.options import parse_options
from programmatic.runs import RunError, latest_checkpoint
from programmatic.search import METHODS, CEMConfig, search
from programmatic.search.checkpoints import load_checkpoint
from programmatic.search.latent.cem import CEM
from programmatic.search.logs import read_history
from programmatic.search.objective import Objective
from programmatic.search.result import SearchResult
from programmatic.search.run_settings import SearchSettings, config_of
from programmatic.trees.program import TreeProgram
from tests.faults.fuzzing import (
    Rng,
    Target,
    fuzz,
    mutated_bytes,
    mutated_json,
    mutated_text,
    mutated_words,
    odd,
    pick,
)

QUICK, LONG = 200, 4_000
"""Inputs of a target of weight 1."""
ENV = "Karel-Harvester-v0"
CARTPOLE = "CartPole-MORL-v0"
PROGRAM = (
    "DEF run m( WHILE c( not c( frontIsClear c) c) w( IFELSE c( markersPresent c) i( pickMarker i) "
    "ELSE e( REPEAT R=5 r( putMarker r) e) IF c( leftIsClear c) i( turnLeft i) w) move m)"
)
TREE = """
if pole_angle <= 0.012:
    if cart_velocity <= -0.3: left
    else: right
else:
    if pole_angular_velocity <= 1e-3: left
    else: right
"""
CONSTRAINTS = """
a: always pole_angular_velocity >= 0.5 implies action == right
always abs(pole_angle) <= 0.15 and not (cart_position > 1 or action == left) implies action == right
step: always abs(pole_angle) <= 0.15 implies abs(next(pole_angle)) <= 0.2094
"""
DICT = "dict(net_arch=[32, (4, 3)], activation_fn=nn.Tanh, a={'b': -1.5}, c=dict(d=None))"


@cache
def world_json() -> Any:
    return sample_worlds(ENV, 1, 3)[0].to_json()


@cache
def tree() -> TreeProgram:
    return TreeProgram.parse(TREE, signature_of(CARTPOLE))


def make_text(text: str, words: Any) -> Callable[[Rng], Any]:
    """Mutations of a text; some odd values among them."""
    return lambda rng: odd(rng) if rng.random() < 0.05 else mutated_text(rng, text, words)


def take_program(text: Any) -> None:
    program = Program.parse(text)
    assert Program.parse(program.pretty()) == Program.from_tokens(program.tokens) == program


def make_tokens(rng: Rng) -> Any:
    right = Program.parse(PROGRAM).tokens
    if rng.random() < 0.2:
        return odd(rng)
    tokens = mutated_words(rng, right, [*range(-1, 53), odd(rng)])
    return tokens if rng.random() < 0.5 else (*tokens, *[50] * int(rng.integers(5)))


def take_tokens(tokens: Any) -> None:
    program = Program.from_tokens(tokens)
    execute([program], sample_worlds(ENV, 2), ENV, 100, 100)


def make_token_array(rng: Rng) -> Any:
    right = np.array(Program.parse(PROGRAM).tokens)
    tokens = np.full((2, len(right) + int(rng.integers(-1, 3))), 50)
    tokens[:, : len(right)] = right[: tokens.shape[1]]
    for _ in range(rng.integers(0, 3)):
        tokens[rng.integers(2), rng.integers(tokens.shape[1])] = rng.integers(-3, 54)
    dtype = pick(rng, (np.int8, np.int64, np.uint8, np.float64, np.bool_, np.uint64, object))
    return odd(rng) if rng.random() < 0.2 else tokens.astype(dtype)


def make_execution(rng: Rng) -> Any:
    right = {
        "programs": [Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) m)")],
        "worlds": sample_worlds(ENV, 2),
        "env_id": ENV,
        "max_calls": 100,
        "max_actions": 100,
        "device": "cpu",
    }
    return right | {pick(rng, list(right)): odd(rng) for _ in range(rng.integers(1, 3))}


def take_world(data: Any) -> None:
    world = World.from_json(data)
    assert World.from_json(json.loads(json.dumps(world.to_json()))) == world
    assert World.from_text(str(world)).robot == world.robot


def take_map(text: Any) -> None:
    assert str(World.from_text(text)).splitlines()


def make_world_arrays(rng: Rng) -> Any:
    worlds = sample_worlds(ENV, 2, int(rng.integers(9)))
    cells = worlds.cells.copy()
    cells[rng.integers(2), rng.integers(8), rng.integers(8)] = rng.integers(256)
    robots = worlds.robots + rng.integers(-1, 2, size=(2, 3)) * (rng.random((2, 3)) < 0.2)
    right = [cells, robots, worlds.random_states]
    if rng.random() < 0.5:
        right[rng.integers(3)] = odd(rng)
    return right


def take_world_arrays(arrays: Any) -> None:
    for world in WorldBatch(*arrays):
        assert World(world.cells, *world.robot) == World.from_json(world.to_json()) or True


def make_world_parts(rng: Rng) -> Any:
    world = sample_worlds(ENV, 1)[0]
    right: list[Any] = [world.cells, *world.robot, 0]
    right[rng.integers(5)] = odd(rng)
    return right


def take_tree(text: Any) -> None:
    program = TreeProgram.parse(text, signature_of(CARTPOLE))
    program.act(np.zeros((3, 4)))
    assert TreeProgram.parse(str(program), signature_of(CARTPOLE)) == program


def take_constraints(text: Any) -> None:
    steps = np.zeros((3, 4)), np.zeros(3, dtype=np.int64), np.ones((3, 4))
    for constraint in parse_constraints(text, signature_of(CARTPOLE)):
        assert constraint.holds(*steps).shape == (3,)


@cache
def configs() -> dict[str, tuple[Any, Callable[[Path], Any]]]:
    """What config.json of each kind of run holds, and its reader."""
    search = {
        "command": "search",
        **{"method": "cem", "env_id": ENV, "seed": 0, "budget": 10, "model": "default"},
        "device": "cpu",
        "config": config_of("cem", ENV, {}).to_json(),
    }
    return {
        "search": (search, SearchSettings.read),
        "train": (TrainConfig("ppo", ENV).config_json(), TrainConfig.read),
        "morl": (MORLConfig(iterations=1).config_json(), MORLConfig.read),
        "pretrain": (PretrainConfig(Path("x")).config_json(), PretrainConfig.read),
    }


def make_config(rng: Rng) -> Any:
    name = pick(rng, list(configs()))
    right = json.loads(json.dumps(configs()[name][0]))
    changed = json.dumps(mutated_json(rng, right), default=str)
    return name, mutated_text(rng, changed, ()) if rng.random() < 0.2 else changed


def make_option(rng: Rng) -> Any:
    method = pick(rng, list(METHODS))
    names = list(config_of(method, ENV, {}).to_json())
    value = odd(rng)
    return method, {pick(rng, [*names, str(value)[:50]]): value}


def make_option_text(rng: Rng) -> Any:
    text = mutated_text(rng, "elitism_rate=0.25", ("[", "{a: b}", "!!python/name:os.system", "*"))
    return [text.encode("utf-8", "replace").decode()]


def make_env(rng: Rng) -> Any:
    arguments = ("obs", "height", "width", "max_steps", "reward", "render_mode")
    kwargs = {pick(rng, arguments): odd(rng) for _ in range(rng.integers(1, 3))}
    if not isinstance(kwargs.get("render_mode", ""), str):  # Gymnasium takes it for a str or None
        kwargs["render_mode"] = None
    if rng.random() < 0.3:
        kwargs["height"] = int(rng.integers(-1, 12))
    if rng.random() < 0.1:
        kwargs["task"] = odd(rng)
    return pick(rng, [*TASKS]), kwargs


def take_env(value: Any) -> None:
    env_id, kwargs = value
    env = gymnasium.make(env_id, disable_env_checker=True, **kwargs)
    env.reset(seed=0)
    env.step(0)
    env.close()


def take_vector_env(value: Any) -> None:
    env_id, kwargs = value
    envs = gymnasium.make_vec(env_id, kwargs.pop("num_envs", 2), **kwargs)
    envs.reset(seed=0)
    envs.step(np.zeros(2, dtype=np.int64))
    envs.close()


def make_vector_env(rng: Rng) -> Any:
    env_id, kwargs = make_env(rng)
    if rng.random() < 0.3:
        kwargs["autoreset_mode"] = odd(rng)
    return env_id, kwargs


@cache
def envs(env_id: str, vector: bool) -> Any:
    made: Any = gymnasium.make_vec(env_id, 2) if vector else gymnasium.make(env_id).unwrapped
    made.reset(seed=0)
    return made


def take_action(value: Any) -> None:
    env_id, vector, action = value
    env = envs(env_id, vector)
    try:
        env.step(action)
    except gymnasium.error.ResetNeeded:
        env.reset()


def make_action(rng: Rng) -> Any:
    vector = bool(rng.integers(2))
    action = odd(rng) if rng.random() < 0.8 else rng.integers(-2, 8, size=rng.integers(1, 4))
    return pick(rng, (ENV, CARTPOLE, "Karel-Snake-v0")), vector, action


def make_reset(rng: Rng) -> Any:
    vector = bool(rng.integers(2))
    options = ("world", "worlds", "state", "states", "reset_mask", "other")
    kwargs: dict[str, Any] = {}
    if rng.random() < 0.5:
        kwargs["seed"] = odd(rng)
    if rng.random() < 0.7:
        kwargs["options"] = odd(rng) if rng.random() < 0.2 else {pick(rng, options): odd(rng)}
    return pick(rng, (ENV, CARTPOLE)), vector, kwargs


def take_reset(value: Any) -> None:
    env_id, vector, kwargs = value
    env = envs(env_id, vector)
    try:
        env.reset(**kwargs)
    finally:
        env.reset(seed=0)


def take_worlds(value: Any) -> None:
    sample_worlds(*value)


def make_worlds(rng: Rng) -> Any:
    right: list[Any] = [pick(rng, [*TASKS]), 2, 0, None, None]
    right[rng.integers(5)] = odd(rng)
    if isinstance(right[1], int | np.integer) and right[1] > 10_000:
        right[1] = 3
    return right


def make_policy(rng: Rng) -> Any:
    value = odd(rng)
    return value if rng.random() < 0.5 else [value, "random"][: rng.integers(1, 3)]


def in_file(folder: Path, name: str, data: bytes | str) -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return file


@dataclass(frozen=True)
class StoredFile:
    """A kind of file that is read.

    Args:
        name: Its name.
        make: Writes a right one.
        read: Reads it.
        weight: Its share of the inputs.
    """

    name: str
    make: Callable[[Path], Any]
    read: Callable[[Path], Any]
    weight: float = 1.0


def write_weights(file: Path) -> None:
    torch.manual_seed(0)
    write_state_dict(file, ProgramVAE(4).state_dict(), dtype=torch.float16)


def write_model(file: Path) -> None:
    settings: Any = {"num_envs": 2, "total_timesteps": 2, "device": "cpu", "verbose": 0}
    settings |= {"n_steps": 1, "batch_size": 2, "run_dir": file.parent / "training"}
    save_model(train("ppo", ENV, overwrite=True, **settings), file)


def write_checkpoint(file: Path) -> None:
    torch.manual_seed(0)
    run = file.parent / "search"
    options: Any = {"budget": 8, "population_size": 4, "n_worlds": 2, "overwrite": True}
    search("cem", ENV, model=ProgramVAE(4), run_dir=run, device="cpu", **options)
    file.write_bytes(latest_checkpoint(run).read_bytes())


def write_result(file: Path) -> None:
    search("random", ENV, budget=8, n_worlds=2).save(file)


def write_history(file: Path) -> None:
    search("random", ENV, budget=8, n_worlds=2, run_dir=file.parent / "random", overwrite=True)
    file.write_bytes((file.parent / "random" / file.name).read_bytes())


def write_policy(file: Path) -> None:
    model = new_model("ppo", make_sb3_vec_env(CARTPOLE, 2, 0), 0)
    save_policy(model, file.parent)


def decode(file: Path) -> None:
    """Read weights, and decode with them, whatever they are."""
    ProgramVAE.load(file, "cpu").decode(torch.zeros(2, 4))


@cache
def cem() -> CEM:
    return CEM(CEMConfig(), Objective(ENV, CEMConfig(), 0), 0, ProgramVAE(4))


def load_any(file: Path) -> None:
    load_checkpoint(file, cem())


STORED = {
    "weights": StoredFile("w.safetensors", write_weights, decode, 0.02),
    "models": StoredFile("m.zip", write_model, lambda file: load_model(file, "cpu"), 0.2),
    "checkpoints": StoredFile("step-1.safetensors", write_checkpoint, load_any),
    "data sets": StoredFile(
        "d.h5",
        lambda file: generate(DatasetConfig(20, demonstrations=2)).save(file),
        ProgramDataset.load,
    ),
    "results": StoredFile("result.json", write_result, SearchResult.load),
    "histories": StoredFile("history.csv", write_history, read_history),
    "policies": StoredFile("policy.zip", write_policy, lambda file: load_policy(file.parent), 0.2),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, bytes]]:
    """The file of a kind, and what is in a right one."""
    folder = tmp_path_factory.mktemp("stored")

    @cache
    def make(name: str) -> tuple[Path, bytes]:
        file = folder / name.replace(" ", "_") / STORED[name].name
        file.parent.mkdir()
        STORED[name].make(file)
        return file, file.read_bytes()

    return make


REFUSED = (ValueError, TypeError)
TARGETS = {
    "program texts": Target(make_text(PROGRAM, TOKENS), take_program, REFUSED, 4),
    "program tokens": Target(make_tokens, take_tokens, REFUSED, 2),
    "token arrays": Target(
        make_token_array, lambda tokens: execute(tokens, sample_worlds(ENV, 2), ENV, 100), REFUSED
    ),
    "execute": Target(
        make_execution, lambda arguments: execute(**arguments), (*REFUSED, RuntimeError)
    ),
    "worlds in JSON": Target(lambda rng: mutated_json(rng, world_json()), take_world, REFUSED, 2),
    "worlds as maps": Target(
        make_text(str(sample_worlds("Karel-Maze-v0", 1)[0]), ("#####", "X", ">")), take_map, REFUSED
    ),
    "worlds in arrays": Target(make_world_arrays, take_world_arrays, REFUSED),
    "worlds in parts": Target(make_world_parts, lambda parts: World(*parts), REFUSED),
    "sample_worlds": Target(make_worlds, take_worlds, REFUSED),
    "trees": Target(
        make_text(TREE, ("if", "else:", "left", "<=", "nan", "1e999")), take_tree, REFUSED, 2
    ),
    "constraints": Target(
        make_text(CONSTRAINTS, ("always", "implies", "next", "abs", "<", "and", "*", "/", "1e999")),
        take_constraints,
        REFUSED,
        2,
    ),
    "hyperparameters": Target(
        lambda rng: mutated_text(rng, DICT, ("lambda: 0", "**a", "nn.x", "__import__", "1e999")),
        parse_dict,
    ),
    "options": Target(make_option, lambda o: config_of(o[0], ENV, o[1]), REFUSED),
    "option texts": Target(
        make_option_text, lambda texts: config_of("cem", ENV, parse_options(texts)), REFUSED
    ),
    "env arguments": Target(make_env, take_env, REFUSED, 0.5),
    "vector env arguments": Target(make_vector_env, take_vector_env, REFUSED, 0.5),
    "actions": Target(make_action, take_action, REFUSED),
    "resets": Target(make_reset, take_reset, (*REFUSED, gymnasium.error.Error)),
    "policies": Target(
        make_policy, lambda p: contestants(p, 0, ENV), (*REFUSED, RunError, OSError)
    ),
}


def check_file(file: Path, right: bytes, kind: StoredFile, n: int, seed: int) -> None:
    def make(rng: Rng) -> Any:
        if kind.name.endswith(".json") and rng.random() < 0.7:
            return json.dumps(mutated_json(rng, json.loads(right)), default=str).encode(
                "utf-8", "surrogatepass"
            )
        return mutated_bytes(rng, right)

    def take(data: bytes) -> None:
        kind.read(in_file(file.parent, file.name, data))

    kind.read(in_file(file.parent, file.name, right))
    assert fuzz(Target(make, take, (RunError, ValueError)), n, seed) > 0


def check_config(folder: Path, n: int, seed: int) -> None:
    def take(value: tuple[str, str]) -> None:
        name, text = value
        configs()[name][1](in_file(folder, "config.json", text).parent)

    for name, (right, read) in configs().items():
        read(in_file(folder / name, "config.json", json.dumps(right)).parent)
    assert fuzz(Target(make_config, take, (RunError, ValueError)), n, seed) > 0


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_wrong_is_refused(name: str) -> None:
    target = TARGETS[name]
    assert fuzz(target, int(QUICK * target.weight), 0) > 0


@pytest.mark.parametrize("name", STORED)
def test_damaged_files_are_refused(name: str, stored: Any) -> None:
    check_file(*stored(name), STORED[name], int(QUICK * STORED[name].weight), 0)


def test_damaged_configurations_are_refused(tmp_path: Path) -> None:
    check_config(tmp_path, 2 * QUICK, 0)


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_wrong_is_always_refused(name: str) -> None:
    target = TARGETS[name]
    assert fuzz(target, int(LONG * target.weight), 1) > 0


@pytest.mark.long
@pytest.mark.parametrize("name", STORED)
def test_damaged_files_are_always_refused(name: str, stored: Any) -> None:
    check_file(*stored(name), STORED[name], int(LONG * STORED[name].weight), 1)


@pytest.mark.long
def test_damaged_configurations_are_always_refused(tmp_path: Path) -> None:
    check_config(tmp_path, 2 * LONG, 1)
