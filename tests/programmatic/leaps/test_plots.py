"""Pretraining as a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tyro

from programmatic.leaps.settings import PretrainConfig, Variant
from programmatic.leaps.training.plots import main, plot_pretraining
from programmatic.runs import RunError, begin_run, write_text

PROGRESS = {
    "epoch": [1, 2],
    "program_loss": [0.9, 0.5],
    "kl": [0.4, 0.6],
    "program_accuracy": [0.1, 0.3],
    "behaviour_match": [0.3, 0.5],
}


def pretraining(run: Path, variant: Variant = "leaps", **columns: list[float]) -> Path:
    """A run folder as a pretraining leaves it."""
    begin_run(run, PretrainConfig(variant=variant).config_json())
    write_text(run / "progress.csv", pd.DataFrame(PROGRESS | columns).to_csv(index=False))
    return run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are drawn while the test runs."""
    from programmatic.leaps.training import plots

    figures: list[Any] = []

    class Kept(plots.Figure):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            figures.append(self)

    monkeypatch.setattr(plots, "Figure", Kept)
    return figures


def test_a_picture_shows_several_runs(tmp_path: Path, drawn: list[Any]) -> None:
    runs = [
        pretraining(
            tmp_path / "a", "leaps", latent_behaviour_loss=[1.0, 0.8], action_accuracy=[0.4, 0.6]
        ),
        pretraining(tmp_path / "b", "p"),
        pretraining(tmp_path / "c", "p"),
    ]
    picture = tmp_path / "out" / "pretraining.png"
    plot_pretraining(runs, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [len(axes.lines) for axes in drawn[0].axes] == [3, 3, 1, 3, 3, 1]
    legend = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert legend == ["LEAPS", "LEAPS-P (b)", "LEAPS-P (c)"]
    assert drawn[0].axes[3].lines[0].get_ydata().tolist() == [0.1, 0.3]


def test_a_loss_that_no_run_has_is_told(tmp_path: Path, drawn: list[Any]) -> None:
    plot_pretraining([pretraining(tmp_path / "p", "p")], tmp_path / "p.svg")
    assert [text.get_text() for text in drawn[0].axes[2].texts] == ["not trained on"]


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one run folder"):
        plot_pretraining([], tmp_path / "a.png")
    with pytest.raises(RunError, match="no run folder"):
        plot_pretraining([tmp_path / "nowhere"], tmp_path / "a.png")
    run = pretraining(tmp_path / "run")
    (run / "progress.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(RunError, match=r"progress.csv is damaged: it lacks program_accuracy"):
        plot_pretraining([run], tmp_path / "a.png")
    (run / "progress.csv").unlink()
    with pytest.raises(RunError, match="logged nothing yet"):
        plot_pretraining([run], tmp_path / "a.png")


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, picture = pretraining(tmp_path / "run"), tmp_path / "a.png"
    monkeypatch.setattr(sys, "argv", ["plots", str(run), "--out", str(picture)])
    tyro.cli(main)
    assert str(picture) in capsys.readouterr().out
    assert picture.exists()
    monkeypatch.setattr(sys, "argv", ["plots", str(tmp_path), "--out", str(picture)])
    with pytest.raises(SystemExit, match="is no run folder"):
        tyro.cli(main)
