"""Training, its run folder, resuming, loading; and what is said when something is wrong."""

from __future__ import annotations

import json
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
import pytest
import torch

import agents.drl.callbacks
from agents.drl.learning_curve import plot_learning_curve
from agents.drl.settings import VALUE_BASED, TrainConfig, resolve
from agents.drl.training import load, resume, train, train_run
from agents.evaluation import evaluate_episodes
from karel_gym import KarelSB3VecEnv, sample_worlds
from karel_gym.envs.observations import KINDS
from programmatic.algorithms import ALGORITHMS, algorithm_class
from programmatic.runs import RunError, checkpoint_path, checkpoints, latest_checkpoint

ENV_ID = "Karel-Maze-v0"
SHORT: dict[str, Any] = {
    "total_timesteps": 128,
    "num_envs": 4,
    "n_steps": 16,
    "batch_size": 32,
    "n_epochs": 1,
    "eval_every": 64,
    "eval_episodes": 3,
    "height": 8,
    "width": 8,
    "max_steps": 20,
    "device": "cpu",
}
A_ROLLOUT = {"n_steps": 16}
A_BATCH = A_ROLLOUT | {"batch_size": 32}
AN_EPOCH = A_BATCH | {"n_epochs": 1}
FROM_A_BUFFER = {"learning_starts": 8, "batch_size": 8, "buffer_size": 200, "train_freq": 16}
SMALL: dict[str, dict[str, Any]] = {
    "ppo": AN_EPOCH,
    "maskable_ppo": AN_EPOCH,
    "ppo_lstm": AN_EPOCH | {"policy_kwargs": "dict(net_arch=[4], lstm_hidden_size=4)"},
    "a2c": A_ROLLOUT,
    "trpo": A_BATCH,
    "dqn": FROM_A_BUFFER,
    "qrdqn": FROM_A_BUFFER,
}
"""Hyperparameters with which an algorithm learns after every 64 steps of 4 envs, and soon."""


def short(run: Path, algo: str = "ppo", **settings: Any) -> Any:
    """A short training; see `SHORT` and `SMALL`."""
    common = {name: value for name, value in SHORT.items() if name not in AN_EPOCH}
    return train(algo, ENV_ID, run_dir=run, **(common | SMALL[algo] | settings))


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "trained"
    short(run)
    return run


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("obs", KINDS)
def test_leaves_a_run_folder_and_a_model_that_acts_the_same(
    algo: str, obs: str, tmp_path: Path
) -> None:
    model = short(tmp_path, algo, obs=obs)
    assert model.num_timesteps == 128
    assert [path.stem for path in checkpoints(tmp_path)] == [
        "step-000000000",
        "step-000000064",
        "step-000000128",
    ]
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "best.zip", "final.zip", "progress.csv", "evaluations.csv"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert not list(tmp_path.rglob(".*")), "a temporary file was left"
    evaluations = pd.read_csv(tmp_path / "evaluations.csv")
    assert evaluations["timesteps"].tolist() == [0, 64, 128]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["env_id"] == ENV_ID
    assert (config["obs"], config["height"], config["num_envs"]) == (obs, 8, 4)
    assert SMALL[algo].items() <= config["hyperparameters"].items()
    assert "torch" in config["versions"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, best = load(tmp_path / "final.zip"), load(tmp_path)
    assert same(weights(model), weights(again))
    assert best.run_dir == str(tmp_path)
    assert best.acts_deterministically is config["deterministic"]
    assert config["deterministic"] or algo not in VALUE_BASED
    env = KarelSB3VecEnv(ENV_ID, 5, seed=3, obs=obs)
    observations = env.reset()
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(again.predict(observations, deterministic=True)[0], expected)


def test_other_sizes_of_the_grid(tmp_path: Path) -> None:
    model = short(tmp_path, obs="grid", height=20, width=33)
    assert model.observation_space.shape == (16, 20, 33)
    assert load(tmp_path).observation_space.shape == (16, 20, 33)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_equal_seeds_give_equal_weights_and_evaluations_do_not_matter(
    algo: str, tmp_path: Path
) -> None:
    rare = {"eval_every": 128}
    first = short(tmp_path / "a", algo, seed=5, deterministic=False, **rare)
    often = short(tmp_path / "b", algo, seed=5, deterministic=False, eval_episodes=7)
    other = short(tmp_path / "c", algo, seed=6)
    assert same(weights(first), weights(often))
    assert not same(weights(first), weights(other))


def test_a_run_goes_on_with_a_task_of_a_module_but_loading_imports_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import karel_gym\nkarel_gym.register('Karel-Own-v0', 'karel_gym.tasks.maze:V0')\n"
    (tmp_path / "own_tasks.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    config = TrainConfig("ppo", "own_tasks:Karel-Own-v0")
    assert str(config.run) == str(Path("runs/ppo-Karel-Own-v0-percepts-0"))

    def forget() -> None:
        gymnasium.registry.pop("Karel-Own-v0", None)
        sys.modules.pop("own_tasks", None)

    try:
        common = {name: value for name, value in SHORT.items() if name not in ("device",)}
        train("ppo", config.env_id, run_dir=tmp_path / "run", **common)
        forget()
        with pytest.raises(RunError, match=r"'Karel-Own-v0' is no Karel task.*module:ID"):
            load(tmp_path / "run")
        assert "own_tasks" not in sys.modules
        assert resume(tmp_path / "run", 192).num_timesteps == 192
        assert load(tmp_path / "run")
    finally:
        forget()


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_resuming_goes_on_to_the_total(algo: str, tmp_path: Path) -> None:
    short(tmp_path, algo, total_timesteps=192, checkpoint_every=64, learning_rate="lin_0.01")
    for step in (128, 192):
        checkpoint_path(tmp_path, step).unlink()
    begun = weights(load(latest_checkpoint(tmp_path)))
    model = resume(tmp_path)
    assert model.num_timesteps == 192
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 192)
    if algo in VALUE_BASED:  # a new replay buffer is filled before it learns on
        assert model.learning_starts == 64 + SMALL[algo]["learning_starts"]
        assert model.replay_buffer.size() * 4 == 192 - 64
    ended = weights(model)
    assert not same(ended, begun)
    progress = pd.read_csv(tmp_path / "progress.csv")
    assert progress["time/total_timesteps"].tolist() == [64, 128, 192]
    # The schedule went on where it was.
    rates = progress["train/learning_rate"].tolist()
    assert rates[1:] == pytest.approx([0.01 / 3, 0.0])

    for step in (128, 192):
        checkpoint_path(tmp_path, step).unlink()
    assert same(weights(resume(tmp_path)), ended)
    assert resume(tmp_path).num_timesteps == 192
    assert resume(tmp_path, total_timesteps=256).num_timesteps == 256
    steps = pd.read_csv(tmp_path / "progress.csv")["time/total_timesteps"]
    assert steps.tolist() == [64, 128, 192, 256]


def test_resuming_by_train_wants_the_same_settings(tmp_path: Path) -> None:
    short(tmp_path)
    assert short(tmp_path, resume=True, total_timesteps=192).num_timesteps == 192
    with pytest.raises(RunError, match="seed was 0, not 1"):
        short(tmp_path, resume=True, seed=1)
    with pytest.raises(RunError, match="holds a run already"):
        short(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert short(tmp_path, overwrite=True, seed=1).num_timesteps == 128
    assert (tmp_path / "notes.txt").exists()


def test_an_interrupted_training_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    act = agents.drl.callbacks.Evaluation.act

    def interrupt(self: agents.drl.callbacks.Evaluation) -> None:
        if self.num_timesteps == 64:
            raise KeyboardInterrupt
        act(self)

    monkeypatch.setattr(agents.drl.callbacks.Evaluation, "act", interrupt)
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path, eval_every=64, checkpoint_every=100)
    message = capsys.readouterr().err.strip()
    assert message.startswith("interrupted at step 64 of 128;")
    assert message.endswith(f"--resume {tmp_path}")
    monkeypatch.undo()
    assert resume(tmp_path).num_timesteps == 128


@pytest.mark.parametrize("algo", ["ppo", "maskable_ppo", "dqn", "ppo_lstm"])
def test_kernels_and_envs_evaluate_in_the_same_worlds(
    algo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = KarelSB3VecEnv(ENV_ID, 32, obs="percepts", max_steps=30)
    evaluation = agents.drl.callbacks.Evaluation(tmp_path, env, 1, seed=7, deterministic=True)
    evaluation.model = short(tmp_path / "run", algo)
    in_kernel = evaluation.evaluate()
    monkeypatch.setattr(agents.drl.callbacks, "kernel_of", lambda *_: None)
    in_envs = evaluation.evaluate()
    assert 0 < in_envs["mean_length"] < 30
    assert in_envs == pytest.approx(in_kernel)
    starts = sample_worlds(ENV_ID, 32, seed=7)
    assert list(evaluation.worlds) == list(starts)


def test_threads_are_given_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    short(tmp_path, torch_threads=1 if before > 1 else 2)
    assert torch.get_num_threads() == before


def test_default_folder_and_prefixed_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = train_run(
        TrainConfig(
            "ppo",
            f"karel_gym:{ENV_ID}",
            total_timesteps=4,
            num_envs=2,
            eval_episodes=1,
            max_steps=5,
            hyperparameters={"n_steps": 2, "batch_size": 4},
        )
    )
    assert model.run_dir == str(Path("runs") / f"ppo-{ENV_ID}-percepts-0")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algo": "ppp"}, "there is no algorithm 'ppp'; did you mean ppo. Known are .*ppo, a2c"),
        (
            {"env_id": "Karel-Maize-v0"},
            "'Karel-Maize-v0' is no Karel task; did you mean Karel-M",
        ),
        ({"learning_rat": 1}, "PPO has no hyperparameter 'learning_rat'; did you mean learning_r"),
        ({"n_envs": 3}, "n_envs is set by num_envs"),
        ({"obs": "pixels"}, "obs must be one of"),
        ({"height": 2}, "worlds have 4 to 1000 rows .*, got 2x8"),
        ({"total_timesteps": 0}, "total_timesteps must be a whole number from 1 up, got 0"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"batch_size": "many"}, "PPO cannot be made with these hyperparameters"),
        ({"policy": "NoPolicy"}, "PPO cannot be made with these hyperparameters"),
        ({"learning_rate": "fast"}, "learning_rate must be a number or such as lin_0.001"),
        ({"policy_kwargs": {"activation_fn": torch.nn.Tanh}}, "write others as text"),
        ({"policy_kwargs": "dict(x=__import__('os'))"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = {"algo": "ppo", "env_id": ENV_ID, "run_dir": run} | SHORT | settings
    with pytest.raises(ValueError, match=message) as caught:
        train(**arguments)
    assert "\n" not in str(caught.value)
    assert not run.exists()


def copy(run: Path, to: Path) -> Path:
    for path in run.rglob("*"):
        if path.is_file():
            target = to / path.relative_to(run)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return to


@pytest.mark.parametrize("damage", ["cut", "empty", "bits", "text", "junk"])
@pytest.mark.parametrize("act", [load, resume])
def test_a_damaged_model_is_one_line(act: Any, damage: str, trained: Path, tmp_path: Path) -> None:
    run = copy(trained, tmp_path)
    checkpoint_path(run, 128).unlink()
    file = run / ("best.zip" if act is load else "checkpoints/step-000000064.zip")
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "text":
        file.write_text("no zip at all")
    elif damage == "bits":
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    else:
        rewrite(file, "policy.pth", lambda data: b"\x80\x04junk")
    with pytest.raises(RunError) as caught:
        act(run)
    assert str(file) in str(caught.value)
    assert (act is resume) == ("delete it" in str(caught.value))
    assert "\n" not in str(caught.value)


def rewrite(file: Path, name: str, change: Any) -> None:
    with zipfile.ZipFile(file) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(file, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)


@pytest.mark.parametrize("act", [load, resume, plot_learning_curve])
def test_a_wrong_folder_is_one_line(act: Any, trained: Path, tmp_path: Path) -> None:
    arguments = (tmp_path / "curve.png",) if act is plot_learning_curve else ()
    with pytest.raises(RunError, match="there is no run folder"):
        act(tmp_path / "nowhere", *arguments)
    with pytest.raises(RunError, match=r"is no run folder: it has no config\.json"):
        act(tmp_path, *arguments)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match=r"config\.json is damaged"):
        act(tmp_path, *arguments)
    (tmp_path / "config.json").write_text('{"command": "evaluate"}')
    with pytest.raises(RunError, match="is not a run of karel-gym train"):
        act(tmp_path, *arguments)
    (tmp_path / "config.json").write_text('{"command": "train", "algo": "ppo"}')
    with pytest.raises(RunError, match="lacks env_id"):
        act(tmp_path, *arguments)


def test_runs_from_before_a_setting_load(trained: Path, tmp_path: Path) -> None:
    run = copy(trained, tmp_path)
    config = json.loads((run / "config.json").read_text())
    del config["model"]
    (run / "config.json").write_text(json.dumps(config))
    assert same(weights(load(run)), weights(load(trained)))
    assert TrainConfig.read(run).model == TrainConfig.model


def test_missing_files_are_one_line(trained: Path, tmp_path: Path) -> None:
    run = copy(trained, tmp_path)
    for path in [*checkpoints(run), run / "best.zip", run / "final.zip"]:
        path.unlink()
    with pytest.raises(RunError, match="holds no checkpoint"):
        load(run)
    with pytest.raises(RunError, match="there is no model"):
        load(run / "final.zip")
    (run / "progress.csv").unlink()
    with pytest.raises(RunError, match="has logged nothing yet"):
        plot_learning_curve(run, tmp_path / "curve.png")


def test_a_training_that_was_stopped_before_its_first_checkpoint_begins_again(
    trained: Path, tmp_path: Path
) -> None:
    run = copy(trained, tmp_path)
    for path in [*checkpoints(run), run / "best.zip", run / "final.zip"]:
        path.unlink()
    resume(run)
    for name in ("best.zip", "final.zip"):
        assert same(weights(load(run / name)), weights(load(trained / name)))
    expected = pd.read_csv(trained / "evaluations.csv")
    pd.testing.assert_frame_equal(pd.read_csv(run / "evaluations.csv"), expected)


def test_what_was_evaluated_after_the_last_checkpoint_is_evaluated_again(
    trained: Path, tmp_path: Path
) -> None:
    run = copy(trained, tmp_path)
    checkpoints(run)[-1].unlink()
    (run / "final.zip").unlink()
    resume(run)
    assert (run / "final.zip").exists()
    assert pd.read_csv(run / "evaluations.csv")["timesteps"].is_unique
    (run / "final.zip").unlink()
    resume(run)
    assert (run / "final.zip").exists()


def test_nothing_pickled_in_our_zips_is_run(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.zip"
    file.write_bytes((trained / "final.zip").read_bytes())

    def poison(data: bytes) -> bytes:
        entries = json.loads(data)
        for entry in entries.values():
            if isinstance(entry, dict) and ":serialized:" in entry:
                entry[":serialized:"] = "bm8gcGlja2xl"
        return json.dumps(entries).encode()

    rewrite(file, "data", poison)
    assert same(weights(load(file)), weights(load(trained / "final.zip")))


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_foreign_zip_is_loaded_with_a_warning(algo: str, tmp_path: Path) -> None:
    env = gymnasium.make(ENV_ID, obs="percepts")
    policy = "MlpLstmPolicy" if algo == "ppo_lstm" else "MlpPolicy"
    sizes = {"n_steps": 8, "batch_size": 8, "buffer_size": 10}
    few = {name: sizes[name] for name in SMALL[algo].keys() & sizes.keys()}
    model: Any = algorithm_class(algo)(policy, env, device="cpu", **few)
    model.save(tmp_path / "foreign.zip")
    with pytest.warns(UserWarning, match="was not written by karel-gym") as caught:
        again = load(tmp_path / "foreign.zip")
    assert len([w for w in caught if "karel-gym" in str(w.message)]) == 1
    assert type(again) is type(model)
    assert same(weights(model), weights(again))


def test_other_zips_are_no_models(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(RunError, match="is not a Stable-Baselines3 model"):
        load(tmp_path / "other.zip")


def test_learning_curve(trained: Path, tmp_path: Path) -> None:
    picture = tmp_path / "pictures" / "curve.png"
    plot_learning_curve(trained, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_run_folder_is_a_policy_of_the_comparison(algo: str, tmp_path: Path) -> None:
    short(tmp_path, algo)
    tables = [evaluate_episodes(tmp_path, ENV_ID, 4, seed, 6, 6) for seed in (1, 1, 2)]
    assert tables[0]["episode"].tolist() == [0, 1, 2, 3]
    assert tables[0]["length"].tolist() == tables[1]["length"].tolist()
    assert (tables[0]["length"] != tables[2]["length"]).any() or algo in VALUE_BASED


@pytest.mark.parametrize("algo", ["maskable_ppo", "ppo"])
def test_masks_hold_in_training_and_in_evaluation(
    algo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    useful: dict[int, list[bool]] = {}
    step_async = KarelSB3VecEnv.step_async

    def watched(self: KarelSB3VecEnv, actions: Any) -> None:
        masks = self.envs.action_masks()
        useful.setdefault(self.num_envs, []).extend(masks[range(self.num_envs), actions].tolist())
        step_async(self, actions)

    monkeypatch.setattr(KarelSB3VecEnv, "step_async", watched)
    short(tmp_path, algo, obs="grid")  # policies of percepts are evaluated in kernels
    assert useful.keys() == {SHORT["num_envs"], SHORT["eval_episodes"]}
    for actions in useful.values():
        assert all(actions) == (algo == "maskable_ppo")


def test_trains_on_shorter_episodes_than_it_is_evaluated_on(tmp_path: Path) -> None:
    model = short(tmp_path, train_max_steps=5, total_timesteps=64)
    assert model.get_env().envs.episodes.max_steps == 5
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["train_max_steps"], config["max_steps"]) == (5, 20)
    assert pd.read_csv(tmp_path / "evaluations.csv")["mean_length"].max() > 5
    assert load(tmp_path).get_env().envs.episodes.max_steps == 5


def test_trains_on_another_reward(tmp_path: Path) -> None:
    env = short(tmp_path / "dense", reward="dense").get_env()
    env.reset()
    n = env.num_envs
    rewards = [env.step(np.full(n, step % 3 % 2))[1] for step in range(60)]
    assert any(0 < abs(reward) < 1 for step in rewards for reward in step)
    with pytest.raises(ValueError, match="reward is one of 'default', 'sparse'; got 'dense'"):
        train("ppo", "Karel-Harvester-v0", reward="dense", run_dir=tmp_path / "no")


def test_how_a_policy_is_evaluated_is_a_hyperparameter() -> None:
    maze = TrainConfig("ppo", "Karel-Maze-v0", obs="percepts+action")
    assert resolve(maze).deterministic is True
    assert "deterministic" not in resolve(maze).hyperparameters
    assert resolve(replace(maze, deterministic=False)).deterministic is False
    assert resolve(replace(maze, obs="percepts")).deterministic is False
    assert resolve(replace(maze, algo="dqn")).deterministic is True
    farmer = TrainConfig("ppo", "Karel-Farmer-v0", obs="grid")
    assert (resolve(maze).eval_episodes, resolve(farmer).eval_episodes) == (100, 20)
    assert resolve(replace(farmer, eval_episodes=3)).eval_episodes == 3
    with pytest.raises(ValueError, match=r"deterministic is set by num_envs, .*, deterministic"):
        resolve(replace(maze, hyperparameters={"deterministic": True}))
