"""Our SQL of scores and intervals, run as it stands, against the oracle and against what 95 % means."""

import duckdb
import numpy as np
import pandas as pd
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


def _chatter(questions: int, topics: int, rng: np.random.Generator) -> pd.DataFrame:
    """Answers whose words have nothing to do with their score: each person has a mood, and a topic he keeps coming back to."""
    people = np.arange(questions * 150)
    row = np.repeat(people, rng.integers(1, 4, people.size))
    mood, favourite = rng.normal(0, 1.5, people.size), rng.integers(0, topics, people.size)
    frame = pd.DataFrame({"question": row // 150, "respondent": row, "record_id": np.arange(row.size)})
    frame["oriented_score"] = np.clip(np.round(7 + mood[row] + rng.normal(0, 1, row.size)), 0, 10).astype(int)
    returns = rng.random(row.size) < 0.9
    frame["topic"] = np.where(returns, favourite[row], rng.integers(0, topics, row.size))
    return frame


def test_what_people_talk_about_by_chance_is_not_significant() -> None:
    """Of 300 questions without any effect at most one in twenty finds one in its topics; without clusters and Holm most would."""
    questions, topics = 300, 5
    frame = _chatter(questions, topics, np.random.default_rng(11))
    frame = frame.astype({"question": str, "respondent": str, "record_id": str, "topic": str})
    with duckdb.connect() as con:
        con.register("frame", frame)
        con.execute("create table feedback as select *, 'nps' as metric from frame")
        con.execute(
            "create table text_signals as select record_id as text_id, 'answer' as kind, 'en' as language from frame"
        )
        con.execute(
            "create table text_topic_mentions as"
            " select record_id as text_id, topic, 'rule' as origin, 'answer' as kind from frame"
        )
        con.execute(
            f"create table t_quantiles as from read_csv('{cx_sql.ROOT / 'seeds' / 't_quantiles.csv'}')"
        )
        for name in ("int_text__topic_sums", "topic_impact"):
            con.execute(f"create table {name} as {cx_sql.model(name)}")
        alarms, uncorrected, independent = con.execute(
            """select count(distinct question) filter (where is_significant),
                count(distinct question) filter (where p_value < 0.05),
                count(distinct question) filter (where abs(impact) > 1.97 * sqrt(error_with + error_without))
            from topic_impact inner join int_text__topic_sums using (question, topic)"""
        ).fetchall()[0]
        tested = con.execute("select count(p_value) from topic_impact").fetchone()

    # two standard deviations of a share of 5 % above it
    assert alarms / questions <= 0.05 + 2 * (0.05 * 0.95 / questions) ** 0.5
    assert uncorrected > 2 * alarms
    assert independent > uncorrected
    assert tested is not None
    assert tested[0] > 0.9 * questions * topics
