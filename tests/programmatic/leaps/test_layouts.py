"""Published embeddings of every layout load, and compute what their originals compute."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from programmatic import Program
from programmatic.dsl.tokens import PAD, TOKEN_IDS
from programmatic.leaps import ProgramVAE
from programmatic.leaps.model.checkpoints import export_weights, write_state_dict
from programmatic.leaps.model.layouts import PUBLISHED, TOKEN_ROWS, Layout, Published
from programmatic.leaps.model.vae import replayed, whole_grids
from programmatic.runs import RunError
from programmatic.search import search
from tests.programmatic.leaps.test_vae import Malicious

DATA = Path(__file__).resolve().parents[2] / "data" / "embeddings"
NAMES = ("prog_policies", "hprl")
COMPRESSED = Layout(units=12, tanh=True, noise=0.1)


def file_of(name: str) -> Path:
    return DATA / f"{name}_small.ptp"


@cache
def embedding(name: str) -> ProgramVAE:
    return ProgramVAE.load(file_of(name), "cpu")


@cache
def expected(name: str) -> dict[str, torch.Tensor]:
    return load_file(DATA / f"{name}_small_expected.safetensors")


def ours(name: str, key: str) -> torch.Tensor:
    """Expected tokens in our vocabulary."""
    words = json.loads((DATA / f"{name}_tokens.json").read_text())
    return torch.tensor([TOKEN_IDS[word] for word in words])[expected(name)[key].long()]


def in_layout(published: Published, model: ProgramVAE) -> dict[str, torch.Tensor]:
    """A model's weights with the names and words of a published layout."""
    at = [TOKEN_IDS[word] for word in published.words]
    theirs = {}
    for name, tensor in model.state_dict().items():
        beginnings = [(part, first) for part, (first, *_) in published.names.items()]
        for part, first in beginnings or [("", "")]:
            if name.startswith(first):
                theirs[part + name.removeprefix(first)] = tensor[at if name in TOKEN_ROWS else ...]
                break
    return theirs


@pytest.mark.parametrize("name", NAMES)
def test_the_encoder_is_the_originals(name: str) -> None:
    rows = ours(name, "programs").tolist()
    programs = [Program.from_tokens([token for token in row if token != PAD]) for row in rows]
    mean, log_sigma = embedding(name).encode(programs)
    torch.testing.assert_close(mean, expected(name)["mu"], atol=1e-5, rtol=0)
    torch.testing.assert_close(log_sigma, expected(name)["log_sigma"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "latents", "tokens", "tanh"),
    [
        *((name, "latents", "decoded_tokens", None) for name in NAMES),
        *((name, "mu", "reconstructed_tokens", None) for name in NAMES),
        ("hprl", "latents", "untanhed_tokens", False),
    ],
)
def test_decoding_is_the_originals(name: str, latents: str, tokens: str, tanh: bool | None) -> None:
    found = embedding(name).decode_tokens(expected(name)[latents], complete=False, tanh=tanh)
    assert torch.equal(found, ours(name, tokens))


@pytest.mark.parametrize(
    ("name", "given", "logits", "tanh"),
    [
        *((name, "", "action_logits", None) for name in NAMES),
        ("hprl", "", "untanhed_action_logits", False),
        ("prog_policies", "given_", "given_action_logits", None),
    ],
)
def test_the_executor_is_the_originals(
    name: str, given: str, logits: str, tanh: bool | None
) -> None:
    latents, states, actions = (
        expected(name)[given + key] for key in ("policy_latents", "states", "actions")
    )
    found = embedding(name).action_logits(latents, states, actions, tanh)
    wanted = expected(name)[logits].reshape(found.shape)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    every_plane = whole_grids(states.numpy().reshape(-1, *states.shape[2:]))
    again = embedding(name).action_logits(
        latents, every_plane.reshape(*states.shape[:3], 16, 8, 8), actions, tanh
    )
    assert torch.equal(again, found)


@pytest.mark.parametrize("name", NAMES)
def test_worlds_are_the_originals(name: str) -> None:
    states, actions = (expected(name)[key].numpy() for key in ("states", "actions"))
    starts = whole_grids(states.reshape(12, *states.shape[2:]))[:, 0]
    most = embedding(name).layout.max_markers
    last = replayed(starts, actions.reshape(12, -1).astype(np.int64), most)[:, -1]
    wanted = expected(name)["final_states"].numpy()
    np.testing.assert_array_equal(last[:, : states.shape[3]].reshape(wanted.shape), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_every_latent_is_a_program_of_the_layout(name: str) -> None:
    model, generator = embedding(name), torch.Generator().manual_seed(0)
    programs = model.decode(2 * torch.randn((300, model.latent_dim), generator=generator))
    assert max(len(program.tokens) for program in programs) == model.layout.max_tokens + 1
    model.encode(programs)  # refuses words that the layout lacks


def test_words_that_a_layout_lacks_are_refused() -> None:
    program = Program.parse("DEF run m( REPEAT R=7 r( move r) m)")
    embedding("prog_policies").encode([program])
    with pytest.raises(ValueError, match="has the counts R=2 to R=5, got R=7"):
        embedding("hprl").encode([program])


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.source)
def test_checkpoints_of_any_width_load(published: Published, tmp_path: Path) -> None:
    torch.manual_seed(1)
    units = None if published.layout.units is None else 10
    layout = replace(published.layout, units=units, planes=12)
    model = ProgramVAE(10, layout).eval()
    torch.save(in_layout(published, model), tmp_path / "m.ptp")
    again = ProgramVAE.load(tmp_path / "m.ptp", "cpu")
    assert again.layout == layout
    assert again.latent_dim == 10
    for name, tensor in again.state_dict().items():
        kept = [TOKEN_IDS[word] for word in published.words] if name in TOKEN_ROWS else slice(None)
        wanted = model.state_dict()[name]
        if "token_encoder" in name and published.names:  # one for encoder and decoder
            wanted = model.state_dict()["vae.encoder.token_encoder.weight"]
        assert torch.equal(tensor[kept], wanted[kept])


@pytest.mark.parametrize("layout", [Layout(), COMPRESSED, *(p.layout for p in PUBLISHED)])
def test_a_layout_is_written_with_its_weights(layout: Layout, tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = ProgramVAE(8, layout).eval()
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    write_state_dict(whole, model.state_dict(), {}, layout=layout)
    export_weights(whole, half)
    latents = torch.randn(20, 8)
    for file in (whole, half):
        again = ProgramVAE.load(file, "cpu")
        assert again.layout == layout
    again = ProgramVAE.load(whole, "cpu")
    assert torch.equal(again.decode_tokens(latents), model.decode_tokens(latents))


@pytest.mark.parametrize("field", ["max_tokens", "counts", "planes", "noise", "units"])
def test_damaged_layouts_are_refused(field: str, tmp_path: Path) -> None:
    text = COMPRESSED.to_json()
    bad = json.dumps(json.loads(text) | {field: -1})
    tensors = ProgramVAE(8, COMPRESSED).state_dict()
    for stored in (bad, text.replace(f'"{field}"', '"more"'), text[:-9], "3"):
        save_file(tensors, tmp_path / "m.safetensors", {"layout": stored})
        with pytest.raises(RunError, match=r"m\.safetensors cannot be read as weights: its layout"):
            ProgramVAE.load(tmp_path / "m.safetensors")


def cut(file: Path) -> Any:
    return file.read_bytes()[:50_000]


def with_entry(value: float) -> Callable[[Path], Any]:
    def change(file: Path) -> Any:
        state = state_of(file)
        next(iter(state.values())).view(-1)[3] = value
        return state

    return change


def without_a_word(file: Path) -> Any:
    def shorter(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[:-1] if tensor.ndim and len(tensor) in (35, 51) else tensor

    return {name: shorter(tensor) for name, tensor in state_of(file).items()}


def state_of(file: Path) -> dict[str, torch.Tensor]:
    stored = torch.load(file, weights_only=True)
    return dict(stored[0] if isinstance(stored, list) else stored)


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (cut, "cannot be read as weights"),
    "NaN": (with_entry(float("nan")), "has entries that are NaN or infinite"),
    "infinite": (with_entry(float("inf")), "has entries that are NaN or infinite"),
    "integers": (
        lambda file: {**state_of(file), "epoch": torch.tensor(3)},
        "epoch is no tensor of floating-point numbers",
    ),
    "another vocabulary": (without_a_word, r"must have (35|51) rows in the layout of .*, got"),
    "one more": (lambda file: {**state_of(file), "x": torch.ones(1)}, 'Unexpected key.*"x"'),
    "one less": (
        lambda file: {n: t for n, t in state_of(file).items() if not n.endswith("mlp.2.bias")},
        r'dimensions: Missing key.*mlp\.2\.bias"',
    ),
    "code": (lambda file: pickle.dumps(Malicious()), "cannot be read|holds more than weights"),
    "code inside": (
        lambda file: {**state_of(file), "x": Malicious()},
        "cannot be read|holds more than weights",
    ),
    "states and actions": (
        lambda file: {"states": torch.ones(2, dtype=torch.uint8)},
        "none of the three known layouts",
    ),
    "another model": (
        lambda file: {"linear.weight": torch.ones(2, 2)},
        "none of the three known layouts.*HPRL.*prog_policies.*clvrai/leaps",
    ),
}


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize("name", NAMES)
def test_bad_checkpoints_are_refused_in_one_line(
    name: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = BAD[fault]
    made, file = make(file_of(name)), tmp_path / "m.ptp"
    file.write_bytes(made) if isinstance(made, bytes) else torch.save(made, file)
    with pytest.raises(RunError, match=message) as caught:
        ProgramVAE.load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "unpickled" not in capsys.readouterr().out


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there are no weights .*best\.safetensors: name a file"):
        ProgramVAE.load(tmp_path)


@pytest.mark.parametrize("method", ["cem", "cebs", "latent_hc", "latent_random"])
@pytest.mark.parametrize("name", NAMES)
def test_searches_take_any_layout(name: str, method: str) -> None:
    found = search(method, "Karel-Harvester-v0", model=file_of(name), budget=60, device="cpu")
    assert found.evaluations > 30
    assert len(found.program.tokens) <= embedding(name).layout.max_tokens + 1
