"""Relative importance against its definition, and against the effects planted in the simulated company.

The planted effects are taken from `demo/truth/effects.yml`; the answers come straight from the generator, without a
warehouse. `python -m benchmarks.cx_effects` shows the same on the marts.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from demo.effects import Effects
from demo.journey import DELIVERY, NEVER, SUPPORT, make_journey
from demo.people import make_people
from demo.world import HOUR, World
from scoring import drivers
from scoring.driver_tables import fit_drivers
from tests import oracle

PLANTED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "demo" / "truth" / "effects.yml").read_text(encoding="utf-8")
)["effects"]


def made(seed: int, n: int = 300, p: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """An outcome and drivers that go together, in units far apart; the last one is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x[:, 1] += 0.8 * x[:, 0]
    y = x @ np.linspace(1, 0, p) + rng.normal(size=n)
    return y, x * 10.0 ** np.arange(p) + 5


@pytest.mark.parametrize("seed", range(4))
def test_importance_is_the_mean_over_all_orders(seed: int) -> None:
    """LMG by its definition, 120 orders fitted one by one; effects are the least-squares coefficients."""
    y, x = made(seed)
    fit = drivers.analyse(y, x, np.arange(len(y)), resamples=50)
    design = np.column_stack([np.ones(len(y)), x])
    slopes = np.linalg.lstsq(design, y, rcond=None)[0][1:]

    assert [one.importance for one in fit.drivers] == pytest.approx(oracle.lmg(y, x), abs=1e-9)
    assert fit.r_squared == pytest.approx(oracle.lmg(y, x).sum(), abs=1e-9)
    assert [one.effect for one in fit.drivers] == pytest.approx(slopes, rel=1e-6)


def test_the_interval_is_that_of_the_textbook_where_there_is_one() -> None:
    """With one driver and independent answers the bootstrap has the width of the regression's own interval."""
    y, x = made(3, n=2000, p=2)
    fit = drivers.analyse(y, x[:, :1], np.arange(len(y)))
    design = np.column_stack([np.ones(len(y)), x[:, 0]])
    slope, rest = (part for part in np.linalg.lstsq(design, y, rcond=None)[:2])
    error = np.sqrt(rest[0] / (len(y) - 2) * np.linalg.inv(design.T @ design)[1, 1])
    one = fit.drivers[0]

    assert one.effect == pytest.approx(slope[1])
    assert one.effect_high - one.effect_low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_answers_of_one_person_are_drawn_together() -> None:
    """Everybody's answer five times over says no more than once: the interval stays as wide."""
    y, x = made(5, n=200, p=2)
    once = drivers.analyse(y, x, np.arange(200)).drivers[0]
    people = np.repeat(np.arange(200), 5)
    again = drivers.analyse(y[people], x[people], people).drivers[0]
    alone = drivers.analyse(y[people], x[people], np.arange(1000)).drivers[0]

    assert again.effect == pytest.approx(once.effect)
    assert again.effect_high - again.effect_low == pytest.approx(once.effect_high - once.effect_low)
    assert alone.effect_high - alone.effect_low < 0.6 * (once.effect_high - once.effect_low)


def test_a_driver_twice_is_shared_and_a_third_time_seeded_is_the_same() -> None:
    """Two drivers that are one share its part; the same seed gives the same figures."""
    y, x = made(1, p=2)
    twice = np.column_stack([x[:, 0], x[:, 0], x[:, 1]])
    single = drivers.analyse(y, x, np.arange(len(y)), resamples=20)
    fit = drivers.analyse(y, twice, np.arange(len(y)), resamples=20)

    assert fit.r_squared == pytest.approx(single.r_squared)
    assert fit.drivers[0].importance == pytest.approx(fit.drivers[1].importance)
    assert fit == drivers.analyse(y, twice, np.arange(len(y)), resamples=20)


def test_holm_by_hand() -> None:
    """0.01, 0.02 and 0.9 of three; what comes later is never smaller."""
    found = drivers.holm(np.array([0.9, 0.02, 0.01, 0.03]))

    assert found == pytest.approx([0.9, 0.06, 0.04, 0.06])


def table(
    outcomes: dict[str, np.ndarray], people: np.ndarray, **values: np.ndarray
) -> tuple[pa.Table, pa.Table]:
    """`int_cx__driver_values` and `config_drivers` of one analysis per outcome, each with all drivers."""
    n = len(people)
    ids = [f"{number:06d}" for number in range(n)]
    rows: dict[str, list[Any]] = {name: [] for name in ("outcome", "driver", "outcome_score", "value")}
    for outcome, scores in outcomes.items():
        for driver, column in values.items():
            rows["outcome"] += [outcome] * n
            rows["driver"] += [driver] * n
            rows["outcome_score"] += scores.tolist()
            rows["value"] += [None if np.isnan(one) else float(one) for one in column]
    times = len(outcomes) * len(values)
    rows |= {"feedback_id": ids * times, "respondent": [f"p{one}" for one in people] * times}
    rows |= {"answers": [None] * (n * times)}
    for outcome in outcomes:
        for name, one in (("outcome", outcome), ("answers", n)):
            rows[name].append(one)
        for name in ("driver", "outcome_score", "value", "feedback_id", "respondent"):
            rows[name].append(None)
    found = pa.table(rows)
    found = found.filter(
        pa.compute.or_(pa.compute.is_valid(found["value"]), pa.compute.is_null(found["driver"]))
    )
    empty = pa.nulls(found.num_rows, pa.string())
    found = found.append_column("survey", empty).append_column("declared_survey", empty)
    declared = [
        {
            "outcome": outcome,
            "survey": None,
            "driver": driver,
            "measure": driver,
            "above": None,
            "is_automatic": False,
        }
        for outcome in outcomes
        for driver in values
    ]
    return found, pa.Table.from_pylist(declared)


def test_planted_effects_lie_in_their_intervals_and_nothing_else_is_significant() -> None:
    """Late delivery and slow first reply as planted; hours to solve a ticket and noise were not."""
    world = World(7, 0, 0, 5000, Effects())
    people = make_people(world)
    journey = make_journey(world, people)
    answers, orders, tickets = journey.answers, journey.orders, journey.tickets
    rng = np.random.default_rng(0)
    wanted = {"late_delivery_lowers_satisfaction", "slow_first_reply_lowers_support_scores"}
    observed = {key: value for name in wanted for key, value in PLANTED[name]["observed"].items()}
    checked = set()
    for survey in (DELIVERY, SUPPORT):
        row = np.flatnonzero((answers.survey == survey) & (answers.answered != NEVER))
        noise = rng.poisson(2, row.size).astype(float)
        person = orders.person[answers.order[row]]
        if survey == DELIVERY:
            outcomes = {
                "late_minus_on_time_csat_delivery": answers.csat,
                "late_minus_on_time_nps_score": answers.nps,
            }
            event = orders.late[answers.order[row]].astype(float)
            hours = (orders.delivered - orders.ordered)[answers.order[row]] / HOUR
        else:
            outcomes = {
                "slow_minus_fast_reply_csat_support": answers.csat,
                "slow_minus_fast_reply_ease_support": answers.ease,
            }
            event = tickets.slow[answers.ticket[row]].astype(float)
            hours = (tickets.solved - tickets.replied)[answers.ticket[row]] / HOUR
        scores = {name: column[row].astype(float) for name, column in outcomes.items()}
        found = fit_drivers(*table(scores, person, event=event, hours=hours, noise=noise))
        for one in found.to_pylist():
            assert one["refused_because"] is None
            assert (one["p_adjusted"] < 0.05) == (one["driver"] == "event"), one
            if one["driver"] == "event":
                assert one["effect_low"] < observed[one["outcome"]] < one["effect_high"]
                checked.add(one["outcome"])

    assert checked == set(observed)


def test_too_few_respondents_are_refused_with_the_numbers() -> None:
    """50 and 8 per driver are needed; ninety answers of thirty people are thirty."""
    y, x = made(2, n=90, p=2)
    found, declared = table({"q": y}, np.arange(90) // 3, a=x[:, 0], b=x[:, 1])
    rows = fit_drivers(found, declared).to_pylist()

    assert {row["refused_because"] for row in rows} == {
        "30 respondents know all drivers; 66 are needed for 2 drivers"
    }
    assert [(row["driver"], row["answers"], row["n"], row["importance"]) for row in rows] == [
        ("a", 90, 90, None),
        ("b", 90, 90, None),
    ]


def test_a_driver_that_never_varies_is_left_out_and_says_so() -> None:
    """The others are fitted without it, and incomplete answers are not used."""
    y, x = made(2, n=200, p=2)
    x[:20, 1] = np.nan
    found, declared = table({"q": y}, np.arange(200), a=x[:, 0], b=x[:, 1], c=np.ones(200))
    rows = {row["driver"]: row for row in fit_drivers(found, declared).to_pylist()}
    wanted = oracle.lmg(y[20:], x[20:])

    assert rows["c"]["refused_because"] == "it is the same in every answer"
    assert rows["c"]["importance"] is None
    assert [rows[name]["importance"] for name in "ab"] == pytest.approx(wanted, abs=1e-8)
    assert [rows[name]["answered"] for name in "abc"] == [200, 180, 200]
    assert {rows[name]["n"] for name in "abc"} == {180}


def test_an_automatic_analysis_that_nothing_is_known_of_says_nothing() -> None:
    """A company whose answers know hardly any of the drivers has no analysis; one that was asked for says why not."""
    y, x = made(3, n=100, p=2)
    x[:60, 0] = np.nan
    found, declared = table({"q": y}, np.arange(100), a=x[:, 0])
    by_itself = pa.Table.from_pylist([row | {"is_automatic": True} for row in declared.to_pylist()])

    assert fit_drivers(found, by_itself).num_rows == 0
    assert [row["n"] for row in fit_drivers(found, declared).to_pylist()] == [40]
