"""Do 95 % intervals hold the truth 95 times in 100? `python -m benchmarks.cx_coverage [--trials 4000]`.

The intervals are those of `models/marts/cx/int_cx__figures.sql`, run by DuckDB (`benchmarks.cx_sql`). For NPS and CSAT every
possible sample is computed once and weighted by its probability: the coverage is exact. CES, clustered and weighted
figures are simulated from a fixed seed. Plain Wald stands beside it, over the same samples.

Grid: n 30, 50, 100, 200, 500. NPS: all mixes of promoters, passives and detractors in steps of 10 points, each at least
10 % (36). CSAT: shares 0.05 to 0.95 in steps of 0.05 (19). CES: answers on 1 to 7, a normal score rounded and cut, means
3 to 6, spreads 1 and 1.5 (8). Clustered: NPS, n people with 1 to 4 answers each, who share a quarter or three quarters
of their variance (2). Weighted: NPS, weights log-normal with spread 0.5 (effective n about n / 1.28), independent of the
answer (3 mixes).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import binom, norm

from benchmarks.cx_sql import figures

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SIZES = (30, 50, 100, 200, 500)
Z = float(norm.ppf(0.975))
MIXES = [(p / 10, (10 - p - d) / 10, d / 10) for p, d in product(range(1, 9), range(1, 9)) if p + d <= 9]
SHARES = [step / 20 for step in range(1, 20)]
EASES = list(product((3.0, 4.0, 5.0, 6.0), (1.0, 1.5)))


@dataclass(frozen=True)
class Cell:
    """Coverage of one metric at one n and mix, ours and that of plain Wald."""

    metric: str
    n: int
    mix: str
    ours: float
    wald: float


def nps_cells(n: int) -> Iterator[Cell]:
    """Exact coverage of NPS over all mixes."""
    promoters, detractors = (part.ravel() for part in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    inside = promoters + detractors <= n
    high, low = promoters[inside], detractors[inside]
    passives = n - high - low
    table = figures(
        "nps", {"n": np.full(len(high), n), "promoters": high, "passives": passives, "detractors": low}
    )
    ends = table["ci_low"].to_numpy(), table["ci_high"].to_numpy()
    wald = _wald((high - low) / n, (high + low) / n, n, 100)
    ways = gammaln(n + 1) - gammaln(high + 1) - gammaln(passives + 1) - gammaln(low + 1)
    for mix in MIXES:
        chance = np.exp(ways + high * np.log(mix[0]) + passives * np.log(mix[1]) + low * np.log(mix[2]))
        truth = 100 * (mix[0] - mix[2])
        told = "/".join(f"{100 * share:.0f}" for share in mix)
        yield Cell("NPS", n, told, _exact(ends, truth, chance), _exact(wald, truth, chance))


def csat_cells(n: int) -> Iterator[Cell]:
    """Exact coverage of CSAT over all shares."""
    satisfied = np.arange(n + 1)
    table = figures("csat", {"n": np.full(n + 1, n), "satisfied": satisfied})
    ends = table["ci_low"].to_numpy(), table["ci_high"].to_numpy()
    wald = _wald(satisfied / n, satisfied / n, n, 1)
    for share in SHARES:
        chance = binom.pmf(satisfied, n, share)
        yield Cell("CSAT", n, f"{share:.2f}", _exact(ends, share, chance), _exact(wald, share, chance))


def ces_cells(n: int, trials: int) -> Iterator[Cell]:
    """Simulated coverage of CES; Wald is the normal quantile instead of Student's t."""
    steps = np.arange(1, 8)
    for number, (mean, spread) in enumerate(EASES):
        edges = norm.cdf((np.arange(1.5, 7) - mean) / spread)
        chances = np.diff(np.concatenate([[0], edges, [1]]))
        truth = float(chances @ steps)
        counts = np.random.default_rng([n, number]).multinomial(n, chances, size=trials)
        sums, squares = counts @ steps, counts @ steps**2
        table = figures("ces", {"n": np.full(trials, n), "sum_score": sums, "sum_squares": squares})
        half = Z * np.sqrt((squares / n - (sums / n) ** 2) / (n - 1))
        wald = sums / n - half, sums / n + half
        ends = table["ci_low"].to_numpy(), table["ci_high"].to_numpy()
        yield Cell("CES", n, f"{mean:.0f} sd {spread}", _share(ends, truth), _share(wald, truth))


def clustered_cells(n: int, trials: int) -> Iterator[Cell]:
    """Simulated coverage of NPS where n people answer once to four times; Wald takes all answers for independent."""
    for number, shared in enumerate((0.25, 0.75)):
        rng = np.random.default_rng([n, number, 1])
        answers = rng.integers(1, 5, n)
        person = np.repeat(np.arange(n), answers)
        taste = np.sqrt(shared) * rng.normal(size=(trials, n))[:, person]
        latent = taste + np.sqrt(1 - shared) * rng.normal(size=(trials, person.size))
        points = (latent > 0.1).astype(np.int64) - (latent < -0.8)
        truth = 100 * float(norm.sf(0.1) - norm.cdf(-0.8))
        table = figures("nps", _sums(points), _repeats(points, person, answers))
        ends = table["ci_low"].to_numpy(), table["ci_high"].to_numpy()
        mean, squares = points.mean(axis=1), (points**2).mean(axis=1)
        wald = _wald(mean, squares, person.size, 100)
        yield Cell("NPS, clustered", n, f"shared {shared:.2f}", _share(ends, truth), _share(wald, truth))


def weighted_cells(n: int, trials: int) -> Iterator[Cell]:
    """Simulated coverage of weighted NPS; Wald has the right mean and takes the weights for a larger sample."""
    for number, mix in enumerate(((0.5, 0.3, 0.2), (0.3, 0.4, 0.3), (0.7, 0.2, 0.1))):
        rng = np.random.default_rng([n, number, 2])
        points = rng.choice([1, 0, -1], size=(trials, n), p=mix)
        weights = rng.lognormal(0, 0.5, size=(trials, n))
        weights /= weights.mean(axis=1, keepdims=True)
        sums = _sums(points)
        for name, values in (
            ("w", weights),
            ("ww", weights**2),
            ("wy", weights * points),
            ("wyy", weights * points**2),
            ("wwy", weights**2 * points),
            ("wwyy", (weights * points) ** 2),
        ):
            sums[name] = values.sum(axis=1)
        table = figures("nps", sums)
        ends = table["weighted_ci_low"].to_numpy(), table["weighted_ci_high"].to_numpy()
        mean, squares = sums["wy"] / sums["w"], (weights * points**2).mean(axis=1)
        truth = 100 * (mix[0] - mix[2])
        told = "/".join(f"{100 * share:.0f}" for share in mix)
        wald = _wald(mean, squares, n, 100)
        yield Cell("NPS, weighted", n, told, _share(ends, truth), _share(wald, truth))


def _sums(points: Ints) -> dict[str, npt.NDArray[Any]]:
    counted = [(points == value).sum(axis=1) for value in (1, 0, -1)]
    n = np.full(len(points), points.shape[1])
    return {"n": n} | dict(zip(("promoters", "passives", "detractors"), counted, strict=True))


def _repeats(points: Ints, person: Ints, answers: Ints) -> dict[str, npt.NDArray[Any]]:
    """What `int_cx__repeats` holds of people with `answers` answers each."""
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    sums = np.add.reduceat(points, starts, axis=1)
    squares = np.add.reduceat(points**2, starts, axis=1)
    fixed = {"repeats": answers.sum() - len(answers), "more_nn": (answers**2 - answers).sum()}
    return {name: np.full(len(points), value) for name, value in fixed.items()} | {
        "more_ny": (sums * (answers - 1)).sum(axis=1),
        "more_yy": (sums**2 - squares).sum(axis=1),
    }


def _wald(mean: Floats, squares: Floats, n: int, unit: int) -> tuple[Floats, Floats]:
    half = Z * np.sqrt(np.maximum(squares - mean**2, 0) / n)
    return unit * (mean - half), unit * (mean + half)


def _exact(ends: tuple[Floats, Floats], truth: float, chance: Floats) -> float:
    return float(chance[(ends[0] <= truth + 1e-9) & (truth - 1e-9 <= ends[1])].sum())


def _share(ends: tuple[Floats, Floats], truth: float) -> float:
    return float(np.mean((ends[0] <= truth) & (truth <= ends[1])))


def cells(trials: int, sizes: tuple[int, ...] = SIZES) -> list[Cell]:
    """The whole grid."""
    return [
        cell
        for n in sizes
        for part in (
            nps_cells(n),
            csat_cells(n),
            ces_cells(n, trials),
            clustered_cells(n, trials),
            weighted_cells(n, trials),
        )
        for cell in part
    ]


def table(found: list[Cell]) -> str:
    """Mean and worst coverage by metric and n, and of each metric over the grid, as a Markdown table."""
    lines = [
        "| metric | n | cells | mean | worst cell | plain Wald, mean | plain Wald, worst |",
        "|---|---|---|---|---|---|---|",
    ]
    for metric in dict.fromkeys(cell.metric for cell in found):
        for n in (*SIZES, None):
            some = [cell for cell in found if cell.metric == metric and n in (None, cell.n)]
            if some:
                lines.append(_line(metric, "**all**" if n is None else str(n), some))
    return "\n".join(lines)


def _line(metric: str, size: str, some: list[Cell]) -> str:
    worst = min(some, key=lambda cell: cell.ours)
    plain = min(some, key=lambda cell: cell.wald)
    ours, wald = (float(np.mean([getattr(cell, name) for cell in some])) for name in ("ours", "wald"))
    told = f"{worst.ours:.4f} ({worst.mix}, n {worst.n})"
    beside = f"{wald:.4f} | {plain.wald:.4f} ({plain.mix}, n {plain.n})"
    return f"| {metric} | {size} | {len(some)} | {ours:.4f} | {told} | {beside} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000)
    print(table(cells(parser.parse_args().trials)))


if __name__ == "__main__":
    main()
