"""Our SQL of scores and intervals, run as it stands, against the oracle and against what 95 % means."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from benchmarks import cx_coverage, cx_sql
from tests import oracle


def test_intervals_of_random_samples_equal_the_oracle() -> None:
    """NPS, CSAT and CES with people who answer up to four times; counts as `int_cx__sums` and `int_cx__repeats` have them."""
    rng = np.random.default_rng(4)
    for metric, measure in (("nps", oracle.nps), ("csat", oracle.csat), ("ces", oracle.ces)):
        for _ in range(8):
            n = int(rng.integers(2, 200))
            scores = rng.integers(0, 11, n) if metric == "nps" else rng.integers(1, 6, n)
            people = rng.integers(0, n, n)
            row = _figure(metric, scores, people)
            one = measure(scores, people=[str(person) for person in people])
            if np.isnan(one.ci_low):
                assert row["ci_low"] is None
                continue
            assert row["score"] == pytest.approx(one.score)
            assert row["ci_low"] == pytest.approx(min(one.ci_low, one.score), rel=1e-9, abs=1e-9)
            assert row["ci_high"] == pytest.approx(max(one.ci_high, one.score), rel=1e-9, abs=1e-9)


def _figure(metric: str, scores: np.ndarray, people: np.ndarray) -> dict[str, float]:
    points = {
        "nps": (scores >= 9).astype(int) - (scores <= 6),
        "csat": (scores >= 4).astype(int),
        "ces": scores,
    }[metric]
    numbers = np.unique(people, return_inverse=True)[1]
    answers = np.bincount(numbers)
    sums, squares = np.bincount(numbers, points), np.bincount(numbers, points**2)
    counts = {
        "n": [len(scores)],
        "promoters": [int((points == 1).sum())],
        "passives": [int((points == 0).sum())],
        "detractors": [int((points == -1).sum())],
        "satisfied": [int((scores >= 4).sum())],
        "sum_score": [int(scores.sum())],
        "sum_squares": [int((scores**2).sum())],
    }
    repeats = {
        "repeats": [int((answers - 1).sum())],
        "more_nn": [int((answers**2 - answers).sum())],
        "more_ny": [int((sums * (answers - 1)).sum())],
        "more_yy": [int((sums**2 - squares).sum())],
    }
    found = cx_sql.figures(metric, counts, repeats if answers.max() > 1 else None)
    return dict(found.to_pylist()[0])


@pytest.mark.parametrize("part", [cx_coverage.nps_cells, cx_coverage.csat_cells])
def test_95_percent_intervals_cover_95_percent(part: object) -> None:
    """Exact, at n 30 and 50, over the mixes of `benchmarks/cx_coverage.py`; plain Wald fails at 30."""
    assert callable(part)
    small, larger = list(part(30)), list(part(50))
    ours = np.mean([cell.ours for cell in (*small, *larger)])

    assert 0.94 <= ours <= 0.96
    assert min(cell.ours for cell in (*small, *larger)) > 0.925
    assert np.mean([cell.wald for cell in small]) < 0.935


def test_clustered_intervals_cover_where_independent_ones_fail() -> None:
    """Fifty people with up to four answers each."""
    cells = list(cx_coverage.clustered_cells(50, 2000))

    assert 0.935 <= np.mean([cell.ours for cell in cells]) <= 0.965
    assert max(cell.wald for cell in cells) < 0.92


def test_the_chance_of_a_change_is_the_normal_distributions() -> None:
    """Tail of the normal distribution from Jinja-made SQL, beside scipy's."""
    distances = np.concatenate([np.linspace(0, 12, 500), [40.0]])
    con = duckdb.connect()
    con.register("changes", pa.table({"distance": distances}))
    chance = cx_sql.expression("cx_two_sided_p('distance')")
    sql = f"select {chance} as p from changes"
    found = con.execute(sql).to_arrow_table()["p"].to_numpy()

    assert found == pytest.approx(2 * stats.norm.sf(distances), rel=1e-7, abs=1e-300)
