"""Layouts of program embeddings: the published ones, recognized by the names of their tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import torch

from karel_gym.envs.observations import MARKER_PLANE, N_PLANES
from karel_gym.world import MAX_MARKERS
from programmatic.dsl.tokens import ACTIONS, MAX_TIMES, PERCEPTS, R_0, TOKEN_IDS, TOKENS
from programmatic.leaps.model.grammar import MAX_DECODED
from programmatic.options import check_types, check_whole

ABSENT: Final = -3e4
"""Output bias of a word that the layout lacks; its probability is 0, also in half precision."""
LATENT_HEAD = "vae._enc_mu.weight"
TOKEN_ROWS = (
    "vae.encoder.token_encoder.weight",
    "vae.decoder.token_encoder.weight",
    "vae.decoder.token_output_layer.2.weight",
    "vae.decoder.token_output_layer.2.bias",
)
"""The tensors that have a row per word."""


@dataclass(frozen=True)
class Layout:
    """The facts in which embeddings differ, beside the size of the latents; defaults are LEAPS's.

    Latents are those before the tanh, in all layouts.
    """

    max_tokens: int = MAX_DECODED
    """The most tokens behind DEF of a decoded program."""
    empty_blocks: bool = True
    """Whether the original's decoding allows empty blocks."""
    counts: tuple[int, int] = (0, MAX_TIMES)
    """The smallest and the largest n of `R=n`."""
    embedding_dim: int = len(TOKENS)
    """Size of the token embeddings."""
    units: int | None = None
    """Units of the program GRUs, which linear layers connect with the latents. None: there are no
    such layers, and all GRUs are as wide as the latents."""
    tanh: bool = False
    """Whether decoder and executor take the tanh of latents."""
    noise: float = 1.0
    """Standard deviation of the noise of drawn latents, in sigmas of the encoder."""
    planes: int = N_PLANES
    """Planes of the grids that the executor sees; the last is of its number of markers or more."""
    max_markers: int = MAX_MARKERS
    """The number of markers that fill a cell of the executor's worlds."""

    def __post_init__(self) -> None:
        check_types(self)
        check_whole(self, "max_tokens", least=4, most=MAX_DECODED)
        check_whole(self, "embedding_dim")
        check_whole(self, "planes", least=MARKER_PLANE + 1, most=N_PLANES)
        check_whole(self, "max_markers", most=MAX_MARKERS)
        if self.units is not None:
            check_whole(self, "units")
        least, most = self.counts
        if not 0 <= least <= most <= MAX_TIMES:
            raise ValueError(f"counts must be within 0 to {MAX_TIMES}, got {least} to {most}")
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"noise must be a number from 0 up, got {self.noise}")

    def to_json(self) -> str:
        """The layout as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """The layout of JSON; a `ValueError` unless it is one."""
        try:
            values = json.loads(text)
            return cls(**values | {"counts": tuple(values["counts"])})
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"its layout is damaged: {error}") from None

    def check_words(self, tokens: torch.Tensor) -> None:
        """Raise a `ValueError` if tokens, integers of any shape, have a word that is absent."""
        least, most = self.counts
        numbers = tokens - R_0
        other = (numbers >= 0) & (numbers <= MAX_TIMES) & ((numbers < least) | (numbers > most))
        if other.any():
            word = TOKENS[int(tokens[other][0])]
            raise ValueError(f"this embedding has the counts R={least} to R={most}, got {word}")


LEAPS: Final = Layout()
"""The layout of LEAPS's authors."""


@dataclass(frozen=True)
class Published:
    """A published layout, and the translation of its names and words."""

    source: str
    """The repository."""
    told_by: tuple[str, ...]
    """Names that together occur in no layout listed later."""
    layout: Layout
    """Its facts; sizes are those of the published files."""
    words: tuple[str, ...] = TOKENS
    """The word of each of its tokens."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The beginnings of our names for a beginning of its names; others are ours."""

    def translated(
        self, tensors: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], Layout]:
        """The tensors with our names and a row per word of ours, and the layout in their sizes.

        Raises:
            ValueError: A tensor that has a size is missing, or there is another number of words.
        """
        weights = {}
        for name, tensor in tensors.items():
            part = next((part for part in self.names if name.startswith(part)), "")
            for ours in self.names.get(part, ("",)):
                weights[ours + name.removeprefix(part)] = tensor
        at = torch.tensor([TOKEN_IDS[word] for word in self.words])
        for name in TOKEN_ROWS:
            if name not in weights:
                continue  # the check of all names lists it
            tensor = weights[name]
            if tensor.ndim == 0 or len(tensor) != len(at):
                raise ValueError(
                    f"{name} must have {len(at)} rows in the layout of {self.source}, "
                    f"got the shape {tuple(tensor.shape)}"
                )
            fill = ABSENT if name.endswith("bias") else 0.0
            weights[name] = tensor.new_full((len(TOKENS), *tensor.shape[1:]), fill)
            weights[name][at] = tensor
        return weights, _sized(self.layout, weights)


PUBLISHED: Final = (
    Published(
        "NTURobotLearningLab/HPRL",
        ("vae.decoder.fc.weight",),
        Layout(40, True, (2, 5), 35, 256, True, 0.1, planes=8, max_markers=1),
        tuple(word for word in TOKENS if word[:2] != "R=" or word in ("R=2", "R=3", "R=4", "R=5")),
    ),
    Published(
        "lelis-research/prog_policies",
        ("encoder_mu.weight", "token_encoder.weight"),
        Layout(max_tokens=44, empty_blocks=False),
        (
            *("DEF", "run", "m(", "m)", "WHILE", "c(", "c)", "w(", "w)", "IF", "i(", "i)"),
            *("IFELSE", "ELSE", "e(", "e)", "REPEAT", "r(", "r)", "not"),
            *ACTIONS,
            *PERCEPTS,
            *(f"R={times}" for times in range(MAX_TIMES + 1)),
            "<pad>",
        ),
        {
            "token_encoder.": ("vae.encoder.token_encoder.", "vae.decoder.token_encoder."),
            "encoder_gru.": ("vae.encoder.gru.",),
            "encoder_mu.": ("vae._enc_mu.",),
            "encoder_log_sigma.": ("vae._enc_log_sigma.",),
            "decoder_gru.": ("vae.decoder.gru.",),
            "decoder_mlp.": ("vae.decoder.token_output_layer.",),
            "policy_gru.": ("condition_policy.gru.",),
            "policy_mlp.": ("condition_policy.mlp.",),
            "state_encoder.": ("condition_policy.state_encoder.",),
            "action_encoder.": ("condition_policy.action_encoder.",),
        },
    ),
    Published("clvrai/leaps", (LATENT_HEAD,), LEAPS),
)


def recognized(names: Collection[str]) -> Published:
    """The published layout that has tensors of these names; a `ValueError` if none has."""
    for published in PUBLISHED:
        if all(name in names for name in published.told_by):
            return published
    known = "; ".join(f"{p.source} has {' and '.join(p.told_by)}" for p in PUBLISHED)
    raise ValueError(f"its names are of none of the three known layouts of embeddings: {known}")


def _sized(layout: Layout, weights: Mapping[str, torch.Tensor]) -> Layout:
    """The layout with the sizes of tensors."""

    def columns(name: str) -> int:
        if name not in weights or weights[name].ndim < 2:
            raise ValueError(f"it has no matrix {name}")
        return weights[name].shape[1]

    return replace(
        layout,
        embedding_dim=columns(TOKEN_ROWS[0]),
        units=None if layout.units is None else columns("vae.encoder.gru.weight_hh_l0"),
        planes=columns("condition_policy.state_encoder.0.weight"),
    )
