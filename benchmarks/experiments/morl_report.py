"""The results of MORL's experiments: tables beside the paper's figures, and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from agents.confidence import MeanInterval, mean_band, mean_interval
from benchmarks.runs.ledger import Record
from benchmarks.runs.results import (
    Cell,
    interval_cell,
    mean_rows,
    number_cell,
    number_text,
    print_table,
    save_tables,
)
from benchmarks.settings import MORLSettings
from benchmarks.statistics.panels import draw_band, panels, save_figure
from benchmarks.statistics.published import published_return
from karel_gym.registration import CARTPOLE
from programmatic.examples import PROGRAMS

SOLVED = 195.0  # the mean return from which CartPole-v0 counts as solved
PAPER_ITERATIONS = 25  # of TRPO, in the paper's table
STAGES = ("program", "clone", "optimised")


def report_morl(settings: MORLSettings, rows: Sequence[Record]) -> None:
    """Write and print the tables of the experiments' records, and draw the pictures."""
    learning = _of_kind(rows, "learning")
    curves = _table(learning, "learning")
    cloning = _table(learning, "cloning")
    tables = {
        "programs": programs_table(learning, curves),
        "repairs": _plain(rows, "repair"),
        "loops": _plain(rows, "loop"),
        "robust_clones": _plain(rows, "robust clone"),
        "learning": curves,
        "cloning": cloning,
    }
    save_tables(settings, tables)
    draw_learning(curves, settings.folder / "learning.png")
    draw_cloning(cloning, settings.folder / "cloning.png")
    print_programs(tables["programs"], settings.seeds)
    print_loops(tables["loops"])
    print_repairs(tables["repairs"])
    clones = tables["robust_clones"]["mean_return"]
    print(f"\nThe near-optimal program, cloned with our own settings: {mean_interval(clones)}")
    print(f"tables and pictures: {settings.folder}")


def programs_table(learning: Sequence[Record], curves: pd.DataFrame) -> pd.DataFrame:
    """A row per start: its returns at each stage with 95 % intervals, and the published ones."""
    table = []
    for start in dict.fromkeys(row["experiment"]["start"] for row in learning):
        own = [row for row in learning if row["experiment"]["start"] == start]
        curve = curves[curves.start == start]
        last = int(curve.iteration.max())
        at = {i: curve[curve.iteration == i].mean_return for i in (PAPER_ITERATIONS, last)}
        row: Record = {"start": start, "seeds": len(own)}
        if start in PROGRAMS:
            for stage in STAGES:
                row[f"published_{stage}"] = published_return(f"MORL {start} {stage}", CARTPOLE)
            for stage in ("program", "clone", "clone_sampled"):
                values = [each[f"{stage}_return"] for each in own]
                row |= mean_interval(values).columns(stage)
        row |= mean_interval(at[PAPER_ITERATIONS]).columns("optimised")
        row |= mean_interval(at[last]).columns("last")
        row["last_iteration"] = last
        row["solved_iterations"] = np.median([first_solved(each["learning"]) for each in own])
        table.append(row)
    return pd.DataFrame(table)


def first_solved(curve: Sequence[Record], held: int = 10) -> float:
    """The first iteration from which a curve stays at `SOLVED` for `held` evaluations.

    A curve that ends earlier counts as solved; the result is infinite if there is none.

    Example:
        >>> returns = [9.0, 196.0, 90.0, 200.0, 199.0]
        >>> first_solved([{"iteration": i, "mean_return": r} for i, r in enumerate(returns)], 2)
        3.0
        >>> first_solved([{"iteration": 0, "mean_return": 9.0}])
        inf
    """
    solved = [row["mean_return"] >= SOLVED for row in curve]
    for i, row in enumerate(curve):
        if all(solved[i : i + held]):
            return float(row["iteration"])
    return float("inf")


def print_programs(table: pd.DataFrame, seeds: int) -> None:
    """Print the returns of programs, clones and learned policies beside the published ones."""
    cells: dict[str, Cell] = {"start": "start"}
    cells |= {stage: partial(_beside_published, stage) for stage in STAGES}
    cells[f"after {table.last_iteration.max()}"] = interval_cell("last")
    cells["solved after"] = lambda row: f"{row['solved_iterations']:.0f} iterations"
    print_table(
        table,
        cells,
        f"Mean returns over {seeds} seeds [95 % intervals] (the paper's)",
        f"optimised: after {PAPER_ITERATIONS} iterations of TRPO. Solved: a mean return of "
        f"{SOLVED:g}, held for ten evaluations.",
    )


def _beside_published(stage: str, row: Record) -> str:
    return f"{MeanInterval.of_columns(row, stage)} ({number_text(row[f'published_{stage}'], 1)})"


def print_loops(table: pd.DataFrame) -> None:
    """Print the results of the whole loop."""
    means = {"program": "program_return", "policy": "policy_return"}
    means |= {name: name for name in ("iterations", "seconds")}
    rows = [
        {**row, "proven": f"{group.proven.sum()} of {len(group)}"}
        for row, group in mean_rows(table, ["env_id"], list(means.values()))
    ]
    cells: dict[str, Cell] = {"env": "env_id", "proven": "proven"}
    cells |= {head: interval_cell(column) for head, column in means.items()}
    print_table(
        pd.DataFrame(rows), cells, "The loop: synthesis, repair, imitation, policy optimization"
    )


def print_repairs(table: pd.DataFrame) -> None:
    """Print the results of the automatic repair of each program."""
    cells: dict[str, Cell] = {
        "program": "start",
        "before": number_cell("before", 1),
        "after": number_cell("after", 1),
        "edits": lambda row: str(row["edits"]),
        "status": "status",
        "seconds": number_cell("seconds"),
    }
    print_table(table, cells, "Automatic repair, mean returns over 10,000 episodes")


def draw_learning(curves: pd.DataFrame, path: Path) -> None:
    """Draw the return of TRPO by iteration, a line per start: the paper's Figure 2."""
    figure, (axes,) = panels(1)
    _draw_bands(axes, curves, "iteration", "mean_return")
    axes.axvline(PAPER_ITERATIONS, color="#999999", linewidth=0.8, linestyle=":")
    axes.axhline(SOLVED, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(xlabel="iteration of TRPO, 2,000 steps each", ylabel="mean return of 25 episodes")
    axes.set(title="Learning from a clone", ylim=(0, 205))
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def draw_cloning(cloning: pd.DataFrame, path: Path) -> None:
    """Draw accuracy and return of a clone by epoch, a line per program: the paper's Figure 3."""
    columns = {
        "validation_loss": "cross entropy, nats",
        "validation_accuracy": "accuracy",
        "mean_return": "mean return of 25 episodes",
    }
    figure, all_axes = panels(len(columns))
    for axes, (column, label) in zip(all_axes, columns.items(), strict=True):
        _draw_bands(axes, cloning, "epoch", column)
        axes.set(xlabel="epoch", ylabel=label, xscale="log")
    all_axes[0].set(yscale="log", ylim=(1e-5, None))  # a clone without errors has a loss of 0
    all_axes[0].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def _draw_bands(axes: Axes, table: pd.DataFrame, x: str, y: str) -> None:
    """Draw one column over another, a line per start."""
    for number, (start, group) in enumerate(table.groupby("start", sort=False)):
        values = group.pivot(index="seed", columns=x, values=y)
        label = str(start).replace("_", "-")
        draw_band(axes, values.columns.to_numpy(), mean_band(values.to_numpy()), label, number)


def _of_kind(rows: Iterable[Record], kind: str) -> list[Record]:
    return [row for row in rows if row["experiment"]["kind"] == kind]


def _table(rows: Iterable[Record], part: str) -> pd.DataFrame:
    """The lists of rows in the records of experiments, as one table."""
    return pd.DataFrame(
        {"start": row["experiment"]["start"], "seed": row["experiment"]["seed"], **line}
        for row in rows
        for line in row.get(part, ())
    )


def _plain(rows: Iterable[Record], kind: str) -> pd.DataFrame:
    """Experiments of a kind, a row each; lists are given by their length."""
    return pd.DataFrame(
        {
            name: len(value) if isinstance(value, list) else value
            for name, value in {**row["experiment"], **row}.items()
            if name != "experiment"
        }
        for row in _of_kind(rows, kind)
    )
