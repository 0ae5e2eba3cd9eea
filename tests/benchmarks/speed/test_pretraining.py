"""The rates of pretraining are measured on real steps."""

from __future__ import annotations

from benchmarks.settings import PretrainingSettings
from benchmarks.speed.pretraining import pretraining_rates


def test_every_variant_and_both_grus_have_a_rate() -> None:
    settings = PretrainingSettings(
        programs=60, batch_size=16, demonstrations=2, latent_dim=8, repeats=1, threads=1
    )
    plans = list(pretraining_rates(settings))
    assert [plan.what.split(", ")[-2 if "steps" in plan.what else -1] for plan in plans] == [
        "torch.nn.GRU",
        "run_gru",
        "variant leaps",
        "variant p",
        "variant pr",
        "variant pl",
    ]
    assert [plan.do() for plan in plans[2:]] == [2 * 16] * 4  # programs of two steps
