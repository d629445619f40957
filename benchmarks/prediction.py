"""Prediction against published figures and real hold-outs: `python -m benchmarks.prediction [--customers 1000000] [--only ...]`.

Parts: `published` (CDNOW parameters beside the papers'), `holdout` (CDNOW 39 weeks and 90 days, grocery_loyalty 90 and 30
days, all three models, beside a recency-only rule), `speed` (fit and score simulated customers). What a back-test refuses is
printed as refused.
"""

import argparse
import resource
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from cli.config_prediction import Prediction
from scoring.prediction import orders, value
from scoring.prediction.fits import fit_models
from scoring.prediction.histories import grouped
from scoring.prediction.settings import Settings
from tests import cdnow

GROCERY = Path(__file__).parent.parent / "examples" / "grocery_loyalty" / "data" / "transactions.parquet"
PUBLISHED = {
    "bg_nbd": "r 0.243 alpha 4.414 a 0.793 b 2.426, log-likelihood -9582.4",
    "pareto_nbd": "r 0.553 alpha 10.578 s 0.606 beta 11.669, log-likelihood -9595.0",
    "gamma_gamma": "p 6.25 q 3.74 gamma 15.45",
    "mbg_nbd": "no published table at hand",
}
NO_SPELLS = pa.table({"started_days": pa.array([], pa.int64()), "ended_days": pa.array([], pa.int64())})


def published() -> None:
    """Fitted parameters of the CDNOW calibration period, and what the papers print."""
    table = cdnow.rhythms(end=cdnow.CUTOFF)
    seen, _ = grouped(table["repeats"], table["last_days"], table["age_days"])
    buyers = table[table["repeats"] > 0]
    for name, model in orders.MODELS.items():
        _show(name, model.parameters, orders.fit(model, seen))
    worth = value.fit(buyers["valued_repeats"].to_numpy(), buyers["repeat_value"].to_numpy())
    _show(value.NAME, value.PARAMETERS, worth)


def _show(name: str, parameters: Any, found: Any) -> None:
    told = " ".join(f"{one} {number:.3f}" for one, number in zip(parameters, found.theta, strict=True))
    print(f"{name:12} {told}, log-likelihood {found.log_likelihood:.1f}, n {found.n}")
    print(f"{'  published':12} {PUBLISHED[name]}")


def holdout() -> None:
    """Predicted against actual, by the code that a build runs; floors as shipped."""
    for days in (273, 90):
        cutoff = cdnow.END - pd.Timedelta(days=days)
        _tried("CDNOW", cdnow.rhythms(cdnow.END, cutoff), cdnow.END, cutoff, days)
    table, end = _grocery()
    for days in (90, 30):
        cutoff = end - pd.Timedelta(days=days)
        _tried("grocery_loyalty", cdnow.rhythms(end, cutoff, table), end, cutoff, days)


def _tried(name: str, table: pd.DataFrame, end: pd.Timestamp, cutoff: pd.Timestamp, days: int) -> None:
    rhythms = pa.Table.from_pandas(table, preserve_index=False)
    for model in orders.MODELS:
        settings = Settings(
            as_of=datetime(end.year, end.month, end.day), as_of_on=end.date(), cutoff_on=cutoff.date(),
            week_start=date(end.year, end.month, end.day), run_id="benchmark", model=model, horizon_days=days,
            **{
                key: number
                for key, number in Prediction(min_history_horizons=1.9).model_dump().items()
                if key not in ("model", "horizon_days")
            },
        )  # fmt: skip
        rows = fit_models(settings, [model, value.NAME], rhythms, NO_SPELLS, []).to_pylist()
        print(f"\n{name}, {days} days, {model}")
        for row in rows:
            if row["part"] == "parameter" and row["refused_because"] and row["name"] in ("none", "r", "p"):
                print(f"  refused ({row['model']}): {row['refused_because']}")
        _table([row for row in rows if row["part"] == "backtest"])


def _table(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    whole = rows[0]
    print(
        f"  n {whole['n']}, base rate {whole['actual_rate']:.3f}, squared error {whole['brier_score']:.4f}"
        f" (base rate {whole['base_brier_score']:.4f}, recency alone {whole['recency_brier_score']:.4f}),"
        f" calibration error {whole['backtest_error']:.3f}"
    )
    money = ""
    if whole["predicted_revenue"] is not None:
        money = f", revenue {whole['predicted_revenue']:.0f} predicted, {whole['actual_revenue']:.0f} came"
    print(f"  orders {whole['predicted_orders']:.0f} predicted, {whole['actual_orders']:.0f} came{money}")
    print("  decile     n  predicted  actual  [95 %]          lift  recency")
    for row in rows[1:]:
        interval = f"[{row['actual_low']:.3f}, {row['actual_high']:.3f}]"
        print(
            f"  {row['decile']:6} {row['n']:5}  {row['predicted_rate']:9.3f}  {row['actual_rate']:6.3f}  {interval}"
            f"  {row['lift']:5.2f}  {row['recency_lift']:7.2f}"
        )


def _grocery() -> tuple[pd.DataFrame, pd.Timestamp]:
    """Household, local day and revenue of baskets worth more than zero."""
    table = duckdb.sql(f"""
        with baskets as (
            select household_id, basket_id, min(transaction_timestamp::timestamp) as bought_at, sum(sales_value) as usd
            from '{GROCERY}' group by all
        )
        select household_id as id, usd::double as usd,
            timezone('America/New_York', timezone('UTC', bought_at))::date::timestamp as date
        from baskets where usd > 0
    """).df()
    days = table.groupby(["id", "date"], as_index=False)["usd"].sum()
    days["first"] = days.groupby("id")["date"].transform("min")
    return days, days["date"].max()


def simulated(people: int) -> tuple[Any, Any, Any]:
    """Whole days x, t_x, T of customers of an MBG/NBD law who came within two years."""
    generator = np.random.default_rng(1)
    rate, drop = generator.gamma(0.8, 1 / 56, people), generator.beta(0.9, 2.5, people)
    age = generator.integers(0, 730, people)
    repeats, last, now = np.zeros(people), np.zeros(people), np.zeros(people)
    alive = generator.random(people) >= drop
    while alive.any():
        now = now + generator.exponential(1 / rate)
        alive &= now <= age
        day = np.floor(now)
        another = alive & (day > last)
        repeats, last = repeats + another, np.where(another, day, last)
        alive &= generator.random(people) >= drop
    return repeats, last, age


def speed(people: int) -> None:
    """Seconds to fit (one of the two fits of a week) and to score everybody (each build)."""
    repeats, last, age = simulated(people)
    for name, model in orders.MODELS.items():
        start = time.perf_counter()
        seen, place = grouped(repeats, last, age)
        found = orders.fit(model, seen)
        assert found is not None
        fitted = time.perf_counter()
        orders.silent_probability(model, found.theta, seen, 13.0)[place]
        orders.expected_orders(model, found.theta, seen, np.arange(1, 13) * 365 / 84)[place]
        done = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{name:12} {people:,} customers, {len(seen.age):,} distinct histories: fit {fitted - start:.1f} s,"
            f" score {done - fitted:.1f} s, peak {peak} MB"
        )


def main() -> None:
    """Print the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--only", default="published,holdout,speed")
    arguments = parser.parse_args()
    for part in arguments.only.split(","):
        print(f"\n== {part}")
        if part == "speed":
            speed(arguments.customers)
        else:
            {"published": published, "holdout": holdout}[part]()


if __name__ == "__main__":
    main()
