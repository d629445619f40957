"""Pairwise and B-cubed figures against counting every pair and every record; intervals that are honest at the ends."""

import itertools
import random
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.errors import UsageError
from cli.identity_evaluate import Evaluation, evaluate

Labels = list[tuple[int, int]]  # (person, cluster) of each record


def _evaluated(labels: Labels, folder: Path, missing: int = 0) -> Evaluation:
    truth = folder / "truth.csv"
    lines = [f"r{i},p{person}" for i, (person, _) in enumerate(labels)]
    lines += [f"gone{i},p{i}" for i in range(missing)]
    truth.write_text("record_id,person_id\n" + "\n".join(lines) + "\n")
    with duckdb.connect() as con:
        con.execute(
            "create schema identity; create table identity.node_customers (node_id text, customer_id text)"
        )
        rows = [("other", "other"), *((f"r{i}", f"c{cluster}") for i, (_, cluster) in enumerate(labels))]
        con.executemany("insert into identity.node_customers values (?, ?)", rows)
        return evaluate(con, truth)


def _counted(labels: Labels) -> dict[str, float]:
    """Every pair, every record."""
    pairs = list(itertools.combinations(labels, 2))
    right = sum(a == b for a, b in pairs)
    found, true = sum(a[1] == b[1] for a, b in pairs), sum(a[0] == b[0] for a, b in pairs)
    shares = []
    for person, cluster in labels:
        same = sum(one == (person, cluster) for one in labels)
        shares.append(
            (same / sum(c == cluster for _, c in labels), same / sum(p == person for p, _ in labels))
        )
    bp, br = (sum(column) / len(labels) for column in zip(*shares, strict=True))
    return {
        "precision": right / found if found else 1,
        "recall": right / true if true else 1,
        "f1": 2 * right / (found + true) if found + true else 1,
        "bcubed_precision": bp,
        "bcubed_recall": br,
        "bcubed_f1": 2 * bp * br / (bp + br),
    }


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25))
def test_figures_are_those_of_counting_everything(
    tmp_path_factory: pytest.TempPathFactory, labels: Labels
) -> None:
    found = _evaluated(labels, tmp_path_factory.mktemp("truth")).to_dict()

    for name, value in _counted(labels).items():
        assert found[name] == pytest.approx(value), name
        low, high = found[f"{name}_ci"]
        assert 0 <= low <= high <= 1
    assert found["records"] == len(labels)


def test_an_interval_holds_its_figure_and_narrows_with_people(tmp_path: Path) -> None:
    """One pair in ten of each kind is wrong; 100 times the people, about a tenth of the width."""
    rng = random.Random(1)
    widths = []
    for people in (100, 10_000):
        labels = [
            (person, person if rng.random() < 0.9 else person + 1)
            for person in range(people)
            for _ in range(2)
        ]
        result = _evaluated(labels, tmp_path).to_dict()
        for name in ("precision", "recall", "bcubed_precision"):
            assert result[f"{name}_ci"][0] < result[name] < result[f"{name}_ci"][1]
        widths.append(result["recall_ci"][1] - result["recall_ci"][0])
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.35)


def test_without_an_error_there_is_a_doubt_left(tmp_path: Path) -> None:
    result = _evaluated(
        [(person, person) for person in range(50) for _ in range(2)], tmp_path, missing=3
    ).to_dict()

    assert result["precision"] == 1
    assert result["precision_ci"] == pytest.approx([0.9286, 1.0], abs=1e-4)  # Wilson, 50 of 50
    assert result["missing_records"] == 3


def test_a_file_of_strangers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of its records"):
        _evaluated([], tmp_path, missing=2)
