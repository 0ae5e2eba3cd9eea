"""Pretraining: losses, runs that go on bit for bit, and what they leave."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from karel_gym.cli import main
from karel_gym.envs.observations import percepts_of_grids
from programmatic.dsl.tokens import DEF, PAD, R_0, R_MAX
from programmatic.leaps import DatasetConfig, ProgramDataset, ProgramVAE, generate
from programmatic.leaps.data.demonstrations import STOP, grids_of, replay
from programmatic.leaps.model.batches import Programs
from programmatic.leaps.model.checkpoints import read_about
from programmatic.leaps.model.decoding import decode, with_def
from programmatic.leaps.model.grammar import Automaton
from programmatic.leaps.model.layouts import Layout
from programmatic.leaps.settings import VARIANTS, PretrainConfig
from programmatic.leaps.training.losses import (
    behaviour_loss,
    kl_divergence,
    latent_behaviour_loss,
    program_log_probs,
    program_loss,
    unique_rows,
)
from programmatic.leaps.training.measures import measure, own_runs
from programmatic.leaps.training.pretraining import Pretraining, pretrain, resume
from programmatic.machine.bytecode import compile_rows
from programmatic.runs import RunError, checkpoints

CPU = torch.device("cpu")
EMBEDDINGS = Path(__file__).resolve().parents[2] / "data" / "embeddings"


@cache
def dataset() -> ProgramDataset:
    return generate(DatasetConfig(programs=120, demonstrations=3, seed=1))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "small.h5"
    dataset().save(file)
    return file


@pytest.fixture
def config(data: Path) -> PretrainConfig:
    return PretrainConfig(
        data, epochs=3, batch_size=16, latent_dim=8, behaviour_from=0.0, demonstrations=2, threads=1
    )


def model(seed: int = 0) -> ProgramVAE:
    torch.manual_seed(seed)
    return ProgramVAE(8)


def test_batches_hold_every_program_once_and_similar_lengths() -> None:
    programs = Programs(dataset().tokens, CPU)
    batches = list(programs.batches(8, torch.Generator().manual_seed(0)))
    assert torch.cat(batches).sort().values.tolist() == list(range(len(programs)))
    spread = [programs.lengths[b].max() - programs.lengths[b].min() for b in batches]
    assert np.mean(spread) < 0.5 * (programs.lengths.max() - programs.lengths.min())
    for batch in batches:
        assert (programs.lengths[batch].diff() <= 0).all()


def test_the_program_loss_is_the_cross_entropy_within_the_original_grammar() -> None:
    vae, programs = model().vae, Programs(dataset().tokens, CPU)
    which = programs.by_length(torch.arange(4))
    latents = torch.randn(4, 8)
    loss = program_loss(vae, latents, programs.batch(which))
    total, n = 0.0, 0
    for row, latent in zip(which, latents, strict=True):  # token by token, with PyTorch's own GRU
        tokens = programs.tokens[row][: programs.lengths[row]]
        state, automaton = latent[None, None], Automaton(1, CPU, empty_blocks=True)
        for at in range(len(tokens) - 1):
            inputs = torch.cat([vae.decoder.token_encoder(tokens[at]), latent])
            output, state = vae.decoder.gru(inputs[None, None], state)
            features = torch.cat([output[0, 0], vae.decoder.token_encoder(tokens[at]), latent])
            logits = vae.decoder.token_output_layer(features)
            logits = logits.masked_fill(automaton.forbidden()[0], -torch.inf)
            automaton.read(tokens[at + 1 : at + 2])
            total -= float(logits.detach().log_softmax(dim=0)[tokens[at + 1]])
            n += 1
    assert float(loss.detach()) == pytest.approx(total / n, rel=1e-4)


def test_the_kl_divergence_is_that_of_normal_distributions() -> None:
    mean, log_sigma = torch.randn(5, 3), torch.randn(5, 3)
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(normal(mean, log_sigma.exp()), normal(0.0, 1.0))
    torch.testing.assert_close(kl_divergence(mean, log_sigma), exact.mean())


def test_latents_are_drawn_from_their_distribution() -> None:
    torch.manual_seed(0)
    mean, log_sigma = torch.full((20_000, 1), 3.0), torch.full((20_000, 1), np.log(0.5))
    drawn = model().vae.draw(mean, log_sigma)
    assert float(drawn.mean()) == pytest.approx(3, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)
    bounded = ProgramVAE(8, Layout(tanh=True, noise=0.1)).vae.draw(mean, log_sigma).atanh()
    assert float(bounded.mean()) == pytest.approx(3, abs=0.02)
    assert float(bounded.std()) == pytest.approx(0.05, abs=0.002)


def test_reinforce_raises_the_reward() -> None:
    part = dataset().subset(slice(0, 24))
    vae = model(3).vae
    which = torch.arange(24)
    latents = torch.randn(24, 8)
    optimizer = torch.optim.Adam(vae.decoder.parameters(), 0.01)
    torch.manual_seed(0)
    rewards = []
    for _ in range(60):
        loss, reward = behaviour_loss(vae, latents, part, which)
        rewards.append(reward)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    assert np.mean(rewards[-10:]) > np.mean(rewards[:10]) + 0.03


def test_drawn_programs_have_the_probabilities_that_are_reinforced() -> None:
    decoder = model(4).vae.decoder
    latents = torch.randn(1, 8).expand(4000, -1)
    torch.manual_seed(0)
    drawn = with_def(decode(decoder, latents, complete=False, sample=True))
    different, counts = drawn.unique(dim=0, return_counts=True)
    most = different[counts.argsort(descending=True)[:5]]
    programs = Programs(most, CPU)
    for i in range(len(most)):
        batch = programs.batch(torch.tensor([i]))
        with torch.no_grad():
            chance = float(program_log_probs(decoder, latents[:1], batch).sum().exp())
        share = float((drawn == most[i]).all(dim=1).float().mean())
        assert share == pytest.approx(chance, abs=4 * (chance / 4000) ** 0.5)


def test_the_executor_learns_to_act_and_to_stop() -> None:
    part = dataset().subset(slice(0, 16))
    executor = model(5).condition_policy
    latents = torch.randn(16, 8)
    optimizer = torch.optim.Adam(executor.parameters(), 0.01)
    columns = torch.arange(3)
    losses = []
    for _ in range(80):
        loss, accuracy = latent_behaviour_loss(executor, latents, part, torch.arange(16), columns)
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    assert losses[0] == pytest.approx(np.log(6), abs=0.4)
    assert losses[-1] < 0.6 * losses[0]
    assert accuracy > 0.5


def test_a_weight_adds_the_cross_entropy_of_the_percepts_of_the_distinct_states() -> None:
    part, executor = dataset().subset(slice(0, 4)), model(5).condition_policy
    given = executor, torch.randn(4, 8), part, torch.arange(4), torch.arange(3)
    with torch.no_grad():
        plain, weighted = (float(latent_behaviour_loss(*given, w)[0]) for w in (0.0, 2.0))
        flat = part.cells.reshape(12, -1), part.width, part.robots.reshape(12, 2)
        actions, lengths = part.actions.reshape(12, -1), part.lengths.ravel()
        cells, robots = replay(*flat, actions, lengths)
        states = {
            (cells[i, t].tobytes(), *robots[i, t].tolist())
            for i in range(12)
            for t in range(lengths[i] + 1)
        }
        worlds = np.array([np.frombuffer(cell, np.uint8) for cell, *_ in states])
        grids = grids_of(worlds, part.width, np.array([robot for _, *robot in states]))
        chances = executor.views(torch.from_numpy(grids).float())[:, :5].sigmoid().numpy()
        right = np.where(percepts_of_grids(grids) > 0, chances, 1 - chances)
    assert weighted - plain == pytest.approx(-2 * float(np.log(right).mean()), rel=1e-3)


def test_the_executors_loss_is_that_of_its_logits() -> None:
    vae, part = model(6), dataset().subset(slice(0, 5))
    which, columns = torch.tensor([3, 1]), torch.tensor([2, 0])
    latents = torch.randn(2, 8)
    loss, _ = latent_behaviour_loss(vae.condition_policy, latents, part, which, columns)
    picked = np.ix_(which, columns)
    starts = grids_of(part.cells[picked], part.width, part.robots[picked])[:, :, None]
    actions, lengths = part.actions[picked], part.lengths[picked]
    padded = np.concatenate([actions, np.full((2, 2, 1), 5, np.int8)], axis=2)
    log_probs = vae.action_logits(latents, starts, padded).log_softmax(dim=-1)
    chosen = log_probs.gather(3, torch.from_numpy(padded).long()[..., None])[..., 0]
    used = torch.arange(padded.shape[2]) <= torch.from_numpy(lengths).long()[..., None]
    assert float(loss.detach()) == pytest.approx(-float(chosen[used].mean()), rel=1e-4)


def test_an_executor_in_a_closed_loop_is_compared_with_the_demonstrations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part, vae = dataset().subset(slice(0, 30)), model()
    padded = np.pad(part.actions[:, 0], ((0, 0), (0, 1)), constant_values=STOP)

    def accuracy(acts: NDArray[np.int8]) -> NDArray[np.float64]:
        """That of an executor that acts so, whatever it has done."""

        def logits(_: torch.Tensor, starts: Any, actions: NDArray[np.int8]) -> torch.Tensor:
            assert starts.shape == (30, 1, 1, 16, 8, 8)
            chosen = torch.from_numpy(acts[:, : actions.shape[2]]).long()
            return torch.nn.functional.one_hot(chosen, 6)[:, None]

        monkeypatch.setattr(vae, "action_logits", logits)
        return own_runs(vae, torch.zeros(30, 8), part)

    assert (accuracy(padded) == 1).all()
    lengths = part.lengths[:, 0].astype(int)
    np.testing.assert_allclose(accuracy(np.full_like(padded, STOP)), 1.0 * (lengths == 0))
    late = np.where(np.arange(padded.shape[1]) < lengths[:, None] + 1, padded, 0)
    late[np.arange(30), lengths] = 0
    np.testing.assert_allclose(accuracy(late), lengths / padded.shape[1])


def test_equal_rows_are_found() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (200, 3)).astype(np.uint8)
    different, at = unique_rows(rows)
    assert np.array_equal(different[at], rows)
    assert len(different) == len(np.unique(rows, axis=0)) < 200


def test_a_perfect_decoder_is_measured_as_perfect(monkeypatch: pytest.MonkeyPatch) -> None:
    part = dataset().subset(slice(0, 20))
    programs = Programs(part.tokens, CPU)
    order = programs.by_length(torch.arange(20))
    whole = torch.full((20, 45), 50)
    whole[:, :44] = programs.tokens[order, 1:]
    monkeypatch.setattr("programmatic.leaps.training.measures.decode", lambda *_, **__: whole)
    found = measure(model(), part, with_executor=False)
    assert found.to_json() == {
        "program_accuracy": 1,
        "token_accuracy": 1,
        "original_accuracy": 1,
        "validity": 1,
        "behaviour_match": 1,
        "programs": 20,
    }
    whole[0, 2] = DEF
    found = measure(model(), part, with_executor=False)
    assert found.program_accuracy == pytest.approx(0.95)
    assert found.original_accuracy == pytest.approx(0.95)
    assert found.validity == pytest.approx(0.95)
    assert 0.99 < found.token_accuracy < 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_learns_and_leaves_its_files(
    variant: str, config: PretrainConfig, tmp_path: Path
) -> None:
    config = replace(config, variant=variant)  # type: ignore[arg-type]
    trained = pretrain(config, tmp_path / "run", progress=False)
    rows = pd.read_csv(tmp_path / "run" / "progress.csv")
    assert rows["epoch"].tolist() == [1, 2, 3]
    assert rows["program_loss"].is_monotonic_decreasing
    losses = {name for name in ("behaviour_loss", "latent_behaviour_loss") if name in rows}
    assert ("behaviour_loss" in losses) == (variant in ("leaps", "pr"))
    assert ("latent_behaviour_loss" in losses) == (variant in ("leaps", "pl"))
    assert ("action_accuracy" in rows) == (variant in ("leaps", "pl"))
    assert len(checkpoints(tmp_path / "run")) == 2
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    about = read_about(tmp_path / "run" / "best.safetensors")
    assert about["variant"] == variant
    assert about["test"]["programs"] == len(dataset().part("test"))
    assert ("closed_loop_accuracy" in about["test"]) == (variant in ("leaps", "pl"))
    again = ProgramVAE.load(tmp_path / "run", "cpu")
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_a_compressed_embedding_is_trained_resumed_and_trained_on(
    config: PretrainConfig, tmp_path: Path
) -> None:
    config = replace(config, units=12, tanh=True, latent_noise=0.1)
    whole = pretrain(config, tmp_path / "whole", progress=False)
    pretrain(replace(config, epochs=1), tmp_path / "parts", progress=False)
    parts = resume(tmp_path / "parts", epochs=3, progress=False)
    assert parts.layout == Layout(units=12, tanh=True, noise=0.1)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, parts.state_dict()[name])
    rows = pd.read_csv(tmp_path / "whole" / "progress.csv")
    assert rows["program_loss"].is_monotonic_decreasing
    start = replace(config, start=tmp_path / "whole" / "best.safetensors", epochs=1)
    assert pretrain(start, tmp_path / "further", progress=False).layout == parts.layout


@pytest.mark.parametrize("name", ["prog_policies", "hprl"])
def test_a_published_embedding_is_trained_on(
    name: str, config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ProgramVAE.load(EMBEDDINGS / f"{name}_small.ptp", "cpu")
    config = replace(config, start=EMBEDDINGS / f"{name}_small.ptp", epochs=1)
    if name == "hprl":
        with pytest.raises(ValueError, match="has the counts R=2 to R=5, got R="):
            pretrain(config, tmp_path / "run", progress=False)
        tokens = dataset().tokens
        known = R_0 + 2 + (tokens - R_0) % 4
        tokens = np.where((tokens >= R_0) & (tokens <= R_MAX), known, tokens)
        part = replace(dataset(), tokens=tokens)
        monkeypatch.setattr(ProgramDataset, "load", lambda _: part)
    trained = pretrain(config, tmp_path / "run", progress=False)
    assert trained.layout == start.layout
    changes = [
        (tensor - start.state_dict()[name]).abs().max()
        for name, tensor in trained.state_dict().items()
    ]
    assert 0 < min(changes) <= max(changes) < 1


def test_a_run_that_goes_on_ends_as_one_that_was_never_interrupted(
    config: PretrainConfig, tmp_path: Path
) -> None:
    pretrain(config, tmp_path / "whole", progress=False)
    pretrain(replace(config, epochs=1), tmp_path / "parts", progress=False)
    resume(tmp_path / "parts", epochs=2, progress=False)
    resume(tmp_path / "parts", epochs=3, progress=False)
    for name in ("best.safetensors", "checkpoints/step-000000003.safetensors"):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "parts"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    one_rows, other_rows = (
        pd.read_csv(tmp_path / run / "progress.csv").drop(columns="seconds")
        for run in ("whole", "parts")
    )
    pd.testing.assert_frame_equal(one_rows, other_rows)


@pytest.mark.parametrize(
    "options", [{}, {"variant": "p", "fresh_programs": 12, "schedule": "cosine"}]
)
def test_a_run_that_was_stopped_in_an_epoch_ends_as_one_that_was_not(
    options: dict[str, Any],
    config: PretrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = replace(config, epochs=2, **options)
    pretrain(config, tmp_path / "whole", progress=False)
    monkeypatch.setattr("programmatic.leaps.training.pretraining.CHECKPOINT_SECONDS", 0.0)
    step = Pretraining.step
    parts = tmp_path / "parts"
    for stop in (3, 4):  # in the first epoch, which has six steps, and in the second
        done = 0

        def stopping(self: Pretraining, *arguments: torch.Tensor) -> dict[str, float]:
            nonlocal done
            done += 1
            if done > stop:  # noqa: B023 (it is called at once)
                raise KeyboardInterrupt
            return step(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Pretraining, "step", stopping)
        with pytest.raises(KeyboardInterrupt):
            resume(parts, progress=False) if parts.exists() else pretrain(config, parts)
        assert len(checkpoints(parts)) in (1, 2)
    monkeypatch.setattr(Pretraining, "step", step)
    resume(parts, progress=False)
    for name in ("best.safetensors", "checkpoints/step-000000002.safetensors"):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "parts"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    one_rows, other_rows = (
        pd.read_csv(tmp_path / run / "progress.csv").drop(columns="seconds")
        for run in ("whole", "parts")
    )
    pd.testing.assert_frame_equal(one_rows, other_rows)


def test_blocks_are_closed_by_the_decoder_itself(config: PretrainConfig, tmp_path: Path) -> None:
    """As the original decodes: nothing but training keeps blocks from being empty."""
    config = replace(config, variant="p", epochs=8, latent_dim=32, learning_rate=1e-2)
    trained = pretrain(replace(config, fresh_programs=500), tmp_path / "run", progress=False)

    def validity(model: ProgramVAE) -> float:
        tokens = with_def(model.decode_tokens(torch.randn(200, 32), complete=False))
        return float((compile_rows(tokens.numpy())[1] > 0).mean())

    assert validity(trained) > 0.6 > 0.3 > validity(ProgramVAE(32))


def test_the_executor_can_be_trained_alone_and_later(
    config: PretrainConfig, tmp_path: Path
) -> None:
    config = replace(
        config,
        variant="pl",
        executor_from=1,
        executor_epochs=1,
        schedule="cosine",
        fresh_programs=9,
    )
    pretrain(config, tmp_path / "run", progress=False)
    rows = pd.read_csv(tmp_path / "run" / "progress.csv")
    assert rows["latent_behaviour_loss"].isna().tolist() == [True, False, False]
    assert rows["program_loss"].isna().tolist() == [False, True, False]
    assert rows["action_accuracy"].isna().tolist() == [True, False, False]
    kept = pretrain(replace(config, epochs=1), tmp_path / "short", progress=False).vae.state_dict()
    config = replace(config, epochs=2, start=tmp_path / "short", executor_from=0, executor_epochs=2)
    alone = pretrain(config, tmp_path / "alone", progress=False)
    assert all(torch.equal(kept[name], tensor) for name, tensor in alone.vae.state_dict().items())


def test_learning_rates_follow_the_schedule() -> None:
    steps = PretrainConfig(learning_rate=1.0, decay_every=2, decay=0.5)
    assert [steps.learning_rates(epoch) for epoch in (0, 1, 2, 5)] == [
        *((1, 1), (1, 1), (0.5, 0.5), (0.25, 0.25))
    ]
    cosine = PretrainConfig(learning_rate=2.0, schedule="cosine", epochs=8, executor_from=4)
    rates = np.array([cosine.learning_rates(epoch) for epoch in range(9)])
    np.testing.assert_allclose(rates[[0, 4, 8], 0], [2, 1, 0])
    np.testing.assert_allclose(rates[[0, 4, 6, 8], 1], [2, 2, 1, 0])


def test_fresh_programs_are_drawn_anew_and_never_held_out(config: PretrainConfig) -> None:
    training = Pretraining(replace(config, fresh_programs=2000), Path("unused"), dataset())
    held_out = {bytes(row) for part in ("valid", "test") for row in dataset().part(part).tokens}
    drawn = []
    for seed in (0, 1):
        training._draw_programs(torch.Generator().manual_seed(seed))
        fresh = training.programs.tokens[len(training.rows) :].numpy().astype(np.int8)
        assert len(np.unique(fresh, axis=0)) == len(fresh) > 1000
        drawn.append({bytes(row) for row in fresh})
    assert not held_out & (drawn[0] | drawn[1])
    assert len(drawn[0] - drawn[1]) > 500


def test_fresh_programs_are_within_the_limits_of_the_data_set(config: PretrainConfig) -> None:
    limits = DatasetConfig(programs=40, demonstrations=2, max_tokens=20, min_times=2, max_times=5)
    config = replace(config, fresh_programs=300)
    tokens = Pretraining(config, Path("unused"), generate(limits)).programs.tokens
    assert (tokens != PAD).sum(dim=1).max() == 20
    assert set(tokens[(tokens >= R_0) & (tokens <= R_MAX)].tolist()) == set(range(R_0 + 2, R_0 + 6))


def test_training_can_begin_with_weights(config: PretrainConfig, tmp_path: Path) -> None:
    first = replace(config, variant="p", epochs=1)
    pretrain(first, tmp_path / "first", progress=False)
    start = tmp_path / "first" / "best.safetensors"
    second = replace(config, variant="pl", epochs=1, learning_rate=1e-9, start=start)
    pretrain(second, tmp_path / "second", progress=False)
    before = load_file(start)
    for name, tensor in load_file(tmp_path / "second" / "best.safetensors").items():
        torch.testing.assert_close(tensor, before[name], atol=1e-6, rtol=0)


def test_damaged_runs_are_told(config: PretrainConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pretrain(replace(config, variant="p", epochs=1), run, progress=False)
    with pytest.raises(RunError, match="holds a run already"):
        pretrain(config, run, progress=False)
    missing = replace(config, start=tmp_path / "none.safetensors")
    with pytest.raises(RunError, match="there are no weights"):
        pretrain(missing, run, overwrite=True, progress=False)
    (checkpoint,) = checkpoints(run)  # what fails before it begins removes nothing
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:1000])
    with pytest.raises(RunError, match="delete it to go on from the checkpoint before it"):
        resume(run, 2, progress=False)
    stored = json.loads((run / "config.json").read_text())
    del stored["kl_weight"]
    (run / "config.json").write_text(json.dumps(stored))
    with pytest.raises(RunError, match="it lacks kl_weight"):
        resume(run, 2, progress=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.h5"], "karel-gym dataset --out FILE"),
        (["--executor-from", "-1"], "executor_from must be a whole number from 0 up"),
        (["--epochs", "0"], "epochs must be a whole number from 1 up"),
        (["--learning-rate", "0"], "learning_rate must be a number above 0"),
        (["--resume", "nowhere"], "nowhere"),
        (["--resume", "nowhere", "--variant", "p", "--seed", "1"], "leave out --variant, --seed"),
        (["--resume", "nowhere", "--run", "x"], "leave out --run"),
    ],
)
def test_errors_of_the_command_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_the_command_trains_and_goes_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    options = ["--variant", "p", "--latent-dim", "8", "--batch-size", "64", "--epochs", "1"]
    assert main(["pretrain", "--data", str(data), "--run", run, *options]) == 0
    assert main(["pretrain", "--resume", run, "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    assert "the weights of epoch" in out
    assert "program accuracy" in out
    assert len(pd.read_csv(tmp_path / "run" / "progress.csv")) == 2
