"""The rates of pretraining are measured on real steps."""

from __future__ import annotations

from benchmarks.speed.pretraining import PretrainingSettings, pretraining_rates


def test_every_variant_and_both_grus_have_a_rate() -> None:
    settings = PretrainingSettings(
        programs=60, batch_size=16, demonstrations=2, latent_dim=8, repeats=1, threads=1
    )
    rates = [plan.measure() for plan in pretraining_rates(settings)]
    assert [rate.what.split(", ")[-2 if "steps" in rate.what else -1] for rate in rates] == [
        "torch.nn.GRU",
        "run_gru",
        "variant leaps",
        "variant p",
        "variant pr",
        "variant pl",
    ]
    assert all(rate.per_second > 0 for rate in rates)
