"""A floor under the accuracy of the default configuration; the measurement is `benchmarks.identity_accuracy`."""

from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.corruption import COLUMNS
from benchmarks.identity_accuracy import judge
from benchmarks.identity_peers import connected, ours
from benchmarks.identity_sets import febrl1
from tests.fuzzy_records import FIXTURES, simulated


def test_febrl1_is_resolved(tmp_path: Path) -> None:
    """1,000 records, 500 of them mistyped copies."""
    records, truth = febrl1(FIXTURES)
    found = judge(ours(records)["ours"], truth, draws=10)

    assert found.precision >= 0.99
    assert found.f1 >= 0.995


@pytest.mark.parametrize(("severity", "least"), [("light", 0.96), ("heavy", 0.75)])
def test_simulated_people_with_errors(severity: str, least: float) -> None:
    """Twins, parents and children of one name, ten records a person; precision of merges holds at every severity."""
    rows, truth = simulated(severity, 200, 11)
    records = pa.table({c: pa.array([row[i] for row in rows], pa.string()) for i, c in enumerate(COLUMNS)})
    found = judge(ours(records)["ours"], truth, draws=10)

    assert found.precision >= 0.95
    assert found.f1 >= least


def test_the_judge_counts_pairs() -> None:
    """Two people, one wrong link: 2 of 3 pairs said are right, 2 of 4 real ones found."""
    truth = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "2"}
    clusters = connected(list(truth), [("a", "b"), ("b", "d")])
    found = judge(clusters, truth, draws=200)

    assert (found.precision, found.recall) == pytest.approx((1 / 3, 1 / 4))
    assert found.half_width > 0
