"""`ProgramVAE` computes what the original model does, and its files can be told apart."""

from __future__ import annotations

import json
import pickle
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from programmatic import Program, execute
from programmatic.dsl.tokens import DEF, PAD, TOKENS
from programmatic.leaps import ProgramVAE
from programmatic.leaps.data.demonstrations import STOP
from programmatic.leaps.model.checkpoints import (
    export_weights,
    read_about,
    weights_path,
    write_state_dict,
)
from programmatic.leaps.model.decoding import decode_with_torch
from programmatic.leaps.model.decoding_kernels import tanh
from programmatic.leaps.model.vae import replayed, torch_device
from programmatic.leaps.settings import SHIPPED
from programmatic.machine.bytecode import compile_rows
from programmatic.runs import RunError
from tests.programmatic.sample_programs import SKILLED

DATA = Path(__file__).resolve().parents[2] / "data"
WEIGHTS = DATA / "leaps_weights.safetensors"
WIDTH = 32


@cache
def golden() -> ProgramVAE:
    return ProgramVAE.load(WEIGHTS, device="cpu")


@cache
def expected() -> dict[str, torch.Tensor]:
    return load_file(DATA / "leaps_expected.safetensors")


def test_tokens_are_numbered_as_in_the_original() -> None:
    assert list(TOKENS) == json.loads((DATA / "leaps_tokens.json").read_text())


def test_decoding_is_the_originals() -> None:
    tokens = golden().decode_tokens(expected()["latents"], complete=False)
    assert tokens.dtype == torch.int64
    assert torch.equal(tokens, expected()["decoded_tokens"].long())
    # The original counts the first pad too.
    lengths = ((tokens != PAD).sum(dim=1) + 1).clamp(max=45)
    assert torch.equal(lengths, expected()["decoded_lengths"].long())


def test_the_encoder_is_the_originals() -> None:
    lengths = expected()["program_lengths"].long()
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        expected()["programs"].long(), lengths, batch_first=True, enforce_sorted=False
    )
    with torch.no_grad():
        mean, log_sigma = golden().vae.distribution(packed)
    order = packed.unsorted_indices
    torch.testing.assert_close(mean[order], expected()["mu"], atol=1e-5, rtol=0)
    torch.testing.assert_close(log_sigma[order], expected()["log_sigma"], atol=1e-5, rtol=0)


def test_the_executor_is_the_originals() -> None:
    states, actions = expected()["states"], expected()["actions"]
    logits = golden().action_logits(expected()["policy_latents"], states, actions)
    assert logits.shape == (4, 3, 19, 6)
    wanted = expected()["action_logits"].reshape(4, 3, 19, 6)
    torch.testing.assert_close(logits, wanted, atol=1e-5, rtol=0)
    first = golden().action_logits(expected()["policy_latents"], states, actions[:, :, :1])
    torch.testing.assert_close(first, wanted[:, :, :1], atol=1e-5, rtol=0)
    # All states given instead of the first one.
    every = replayed(
        states.numpy().reshape(12, 16, 8, 8), actions.numpy().reshape(12, 19).astype(np.int64)
    )
    whole = every.reshape(4, 3, 20, 16, 8, 8)
    again = golden().action_logits(expected()["policy_latents"].numpy(), whole, actions.tolist())
    torch.testing.assert_close(again, logits, atol=1e-6, rtol=0)


def test_a_stop_ends_a_demonstration() -> None:
    start = expected()["states"].numpy()[0, :1, 0]  # (1, 16, 8, 8)
    states = replayed(start, np.array([[1, STOP, 1]]))
    assert states.shape == (1, 4, 16, 8, 8)
    assert (states[:, 0] != states[:, 1]).any()
    assert (states[:, 1:] == states[:, 1:2]).all()


def test_programs_are_encoded_in_their_order() -> None:
    mean, log_sigma = golden().encode(SKILLED)
    assert mean.shape == log_sigma.shape == (len(SKILLED), WIDTH)
    for i, program in enumerate(SKILLED):
        alone, _ = golden().encode([program])
        torch.testing.assert_close(mean[i], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_every_latent_is_a_program(scale: float) -> None:
    latents = scale * torch.randn((500, WIDTH), generator=torch.Generator().manual_seed(0))
    tokens = golden().decode_tokens(latents)
    assert tokens.shape == (500, 45)
    whole = torch.nn.functional.pad(tokens, (1, 0), value=DEF)
    assert (compile_rows(whole.numpy())[1] > 0).all()
    programs = golden().decode(latents[:20])
    assert [p.tokens for p in programs] == [Program.from_tokens(row).tokens for row in whole[:20]]


def test_a_latent_does_not_depend_on_its_batch() -> None:
    latents = torch.randn((400, WIDTH), generator=torch.Generator().manual_seed(1))
    together = golden().decode_tokens(latents)
    assert torch.equal(together[5:6], golden().decode_tokens(latents[5:6]))
    assert torch.equal(together[20:350], golden().decode_tokens(latents[20:350]))
    assert golden().decode_tokens(latents[:0]).shape == (0, 45)


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    "file",
    ["default", WEIGHTS, *sorted(DATA.glob("embeddings/*.ptp"))],
    ids=lambda file: Path(file).stem,
)
def test_decoding_on_the_processor_is_that_of_pytorch(file: str | Path, complete: bool) -> None:
    vae = ProgramVAE.load(file, "cpu")
    latents = torch.randn((160, vae.latent_dim), generator=torch.Generator().manual_seed(5))
    tokens = decode_with_torch(vae.vae.decoder, complete, False, vae.vae.bounded(latents))
    assert torch.equal(vae.decode_tokens(latents, complete), tokens)


def test_tanh_is_close() -> None:
    x = np.linspace(-12, 12, 10_001, dtype=np.float32)
    found = np.array([tanh.py_func(value) for value in x])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.tanh(x.astype(np.float64)), atol=4e-7, rtol=0)


def test_tokens_run_without_another_form() -> None:
    from karel_gym import sample_worlds

    tokens = golden().decode_tokens(torch.zeros((3, WIDTH)))
    whole = torch.nn.functional.pad(tokens, (1, 0), value=DEF)
    worlds = sample_worlds("Karel-Maze-v0", 2)
    assert execute(whole, worlds, "Karel-Maze-v0").returns.shape == (3, 2)


@pytest.mark.parametrize("shape", [(WIDTH,), (2, WIDTH + 1), (1, 2, WIDTH)])
def test_latents_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"shape \(N, {WIDTH}\), got"):
        golden().decode_tokens(torch.zeros(shape))


def test_demonstrations_of_other_shapes_are_refused() -> None:
    latents, states = torch.zeros((2, WIDTH)), np.zeros((2, 3, 4, 16, 8, 8))
    for actions in (np.zeros((2, 3, 5)), np.zeros((2, 2, 4)), np.zeros((1, 3, 4)), np.zeros(4)):
        with pytest.raises(ValueError, match="expected latents"):
            golden().action_logits(latents, states, actions)
    with pytest.raises(ValueError, match="expected latents"):
        golden().action_logits(latents, np.zeros((2, 3, 1, 16, 9, 8)), np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="no program to encode"):
        golden().encode([])


def test_a_checkpoint_of_the_original_loads(tmp_path: Path) -> None:
    file = tmp_path / "best_valid_params.ptp"
    critic = {"vae.decoder.critic_linear.weight": torch.zeros(1, WIDTH)}
    torch.save([{**golden().state_dict(), **critic}, {"epoch": 3}], file)
    latents = torch.ones((4, WIDTH))
    again = ProgramVAE.load(file, device="cpu")
    assert torch.equal(again.decode_tokens(latents), golden().decode_tokens(latents))


def test_weights_survive_being_written(tmp_path: Path) -> None:
    whole, file = tmp_path / "whole.safetensors", tmp_path / "weights.safetensors"
    write_state_dict(whole, golden().state_dict(), {"epoch": 3})
    export_weights(whole, file)
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}
    assert read_about(file) == {"epoch": 3}
    again = ProgramVAE.load(file, device="cpu")
    assert again.latent_dim == WIDTH
    assert not again.training
    for name, tensor in again.state_dict().items():
        torch.testing.assert_close(tensor, golden().state_dict()[name], atol=1e-3, rtol=1e-3)


class Malicious:
    """What would run code if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("unpickled",)


def test_files_that_are_no_weights_are_told(tmp_path: Path) -> None:
    weights = golden().state_dict()
    save_file({n: w for n, w in weights.items() if "mlp.4" not in n}, tmp_path / "a.safetensors")
    save_file({**weights, "more": torch.zeros(1)}, tmp_path / "b.safetensors")
    save_file({"vae.x": torch.zeros(1)}, tmp_path / "c.safetensors")
    (tmp_path / "d.safetensors").write_bytes(b"nothing")
    (tmp_path / "e.ptp").write_bytes(b"nothing")
    (tmp_path / "f.ptp").write_bytes(pickle.dumps(Malicious()))
    torch.save([3], tmp_path / "g.ptp")
    for name, message in {
        "a.safetensors": r'dimensions: Missing key.*"condition_policy\.mlp\.4\.weight"',
        "b.safetensors": 'Unexpected key.*"more"',
        "c.safetensors": "none of the three known layouts of embeddings",
        "d.safetensors": "cannot be read as weights",
        "e.ptp": "cannot be read|holds more than weights",
        "f.ptp": "cannot be read|holds more than weights",
        "g.ptp": "cannot be read as weights: expected a state dict",
        "h.ptp": "name a file, or one of 'default', 'leaps', 'p', 'pr', 'pl'",
    }.items():
        with pytest.raises(RunError, match=message) as caught:
            ProgramVAE.load(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert re.search(re.escape(name), str(caught.value))


def test_an_unknown_device_is_told() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="torch finds no GPU"):
            torch_device("cuda")
    assert torch_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_reconstruct_programs(name: str) -> None:
    vae = ProgramVAE.load(name, device="cpu")
    assert vae.latent_dim == (64 if name.endswith("64") else 256)
    programs = [
        Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) turnLeft m)"),
        Program.parse("DEF run m( move IF c( markersPresent c) i( pickMarker i) move m)"),
    ]
    mean, _ = vae.encode(programs)
    assert vae.decode(mean) == programs


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_small_and_tell_how_they_were_made(name: str) -> None:
    assert weights_path(name).stat().st_size < 6.25e6
    about = read_about(name)
    assert about["variant"] == name.removesuffix("64")
    assert about["test"]["program_accuracy"] >= 0.8
    assert not re.search(r"/(tmp|home|root|work)/", json.dumps(about))
