"""Orders, retention, RFM, lifecycle and health computed with pandas from lists of orders, independent of the models' SQL.

Orders are a frame with customer, day (Timestamp) and revenue (Decimal, or None where no rate is known), purchases only.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CENT = Decimal("0.01")
LAPSE = 3


def cents(value: Decimal) -> Decimal:
    """Rounded as money is, half away from zero."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def total(values: pd.Series) -> Decimal:
    """Sum of known amounts."""
    return sum((one for one in values if one is not None), Decimal(0))


def quintiles(better: pd.Series) -> pd.Series:
    """1 plus the number of fifths that are strictly worse; missing values are not scored."""
    known = better.dropna()
    worse = known.map({value: int((known < value).sum()) for value in known.unique()})
    return 1 + (5 * worse) // len(known)


def rfm(orders: pd.DataFrame, as_of: pd.Timestamp, months: int) -> pd.DataFrame:
    """Per customer recency (days), frequency, monetary and their three scores."""
    window = orders[(orders.day > as_of - pd.DateOffset(months=months)) & (orders.day <= as_of)]
    found = window.groupby("customer").agg(last=("day", "max"), frequency=("day", "size"))
    found["recency"] = (as_of.normalize() - found["last"].dt.normalize()).dt.days
    sums = window.groupby("customer").revenue.apply(
        lambda one: None if one.isna().any() else float(total(one))
    )
    found["monetary"] = sums.astype(float)
    found["r"], found["f"] = quintiles(-found.recency), quintiles(found.frequency)
    found["m"] = quintiles(found.monetary)
    return found


def kpis(orders: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Month by month, by walking through each customer's list of months."""
    bought = orders[orders.day <= as_of].assign(month=lambda frame: frame.day.dt.to_period("M"))
    months = pd.period_range(bought.month.min(), as_of.to_period("M"), freq="M")
    by_customer = {
        name: sorted(set(group)) for name, group in bought[bought.customer.notna()].groupby("customer").month
    }
    rows = []
    for month in months:
        here = bought[bought.month == month]
        known = here[here.customer.notna()]
        counts = known.groupby("customer").size()
        row = dict.fromkeys(("new", "reactivated", "repeat", "stake", "lost", "dormant"), 0)
        for name, list_of_months in by_customer.items():
            before = [one for one in list_of_months if one < month]
            is_dormant = bool(before) and before[-1] < month - LAPSE
            row["dormant"] += is_dormant
            if month in list_of_months:
                row["new"] += not before
                row["reactivated"] += is_dormant
                row["repeat"] += bool(before) or counts[name] > 1
            if month - LAPSE in list_of_months:
                row["stake"] += 1
                row["lost"] += not any(month - LAPSE < one <= month for one in list_of_months)
        rows.append(
            {
                "month": month.start_time,
                "active": len(counts),
                "orders": len(here),
                "revenue": total(here.revenue),
            }
            | {"known_revenue": total(known.revenue), "complete": month < months[-1]}
            | {"without": int(here.revenue.isna().sum())}
            | row
        )
    return pd.DataFrame(rows)


def cohorts(
    orders: pd.DataFrame, as_of: pd.Timestamp
) -> dict[tuple[pd.Timestamp, int], tuple[int, int | None]]:
    """(month of first purchase, age) -> (size, active; None for a month that is not over)."""
    bought = orders[(orders.day <= as_of) & orders.customer.notna()]
    bought = bought.assign(month=bought.day.dt.to_period("M"))
    first = bought.groupby("customer").month.min()
    last = as_of.to_period("M")
    found: dict[tuple[pd.Timestamp, int], tuple[int, int | None]] = {}
    for cohort, names in first.groupby(first):
        for age in range((last - first.min()).n + 1):
            month = cohort + age
            active = bought[(bought.month == month) & bought.customer.isin(names.index)].customer.nunique()
            found[cohort.start_time, age] = (len(names), active if month < last else None)
    return found


@dataclass(frozen=True)
class Limits:
    """Lifecycle settings of cdp.yml."""

    own_from: int = 2
    floor: float = 7
    cooling: float = 1.5
    at_risk: float = 2.5
    lost: float = 4


def lifecycle(orders: pd.DataFrame, as_of: pd.Timestamp, limits: Limits = Limits()) -> pd.DataFrame:
    """Per customer state, rhythm and how late they are."""
    bought = orders[(orders.day <= as_of) & orders.customer.notna()]
    days = {name: sorted(set(group.dt.normalize())) for name, group in bought.groupby("customer").day}
    gaps = {name: [(b - a).days for a, b in pairwise(one)] for name, one in days.items()}
    own = {name: float(np.median(one)) for name, one in gaps.items() if one}
    population = float(np.median(list(own.values()))) if own else None
    rows = {}
    for name, dates in days.items():
        rhythm = own[name] if len(dates) >= limits.own_from else population
        former = float(np.median(gaps[name][:-1])) if len(dates) - 1 >= limits.own_from else population
        late = (as_of.normalize() - dates[-1]).days
        rows[name] = (_state(dates, gaps[name], rhythm, former, late, limits), rhythm, late)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["state", "rhythm", "late"])


def _state(
    dates: list[pd.Timestamp],
    gaps: list[int],
    rhythm: float | None,
    former: float | None,
    late: int,
    limits: Limits,
) -> str | None:
    if rhythm is None or former is None:
        return None
    overdue = late / max(rhythm, limits.floor)
    for state, limit in (("lost", limits.lost), ("at_risk", limits.at_risk), ("cooling", limits.cooling)):
        if overdue > limit:
            return state
    if len(dates) == 1:
        return "new"
    return "won_back" if gaps[-1] > limits.lost * max(former, limits.floor) else "active"


def recency_points(orders: pd.DataFrame, as_of: pd.Timestamp, limits: Limits = Limits()) -> pd.Series:
    """Health by recency alone, 0 to 100."""
    found = lifecycle(orders, as_of, limits)
    overdue = found.late / found.rhythm.clip(lower=limits.floor)
    return 100 * ((limits.lost - overdue) / (limits.lost - 1)).clip(0, 1)


def demo_purchases(root: Path) -> pd.DataFrame:
    """Order key, local day and revenue of the simulated company's purchases, read from its shops' files.

    The latest version of an order counts, then the file delivered last; broken lines have no number that can be read.
    """
    rows: dict[str, tuple[str, int, dict[str, Any]]] = {}
    refunds: dict[str, tuple[str, Decimal]] = {}
    for place, (shop, row) in enumerate(_shop_rows(root, "orders")):
        one = _order(shop, row)
        if one is None:
            continue
        version = (one["updated"], place, one)
        if one["key"] not in rows or version[:2] > rows[one["key"]][:2]:
            rows[one["key"]] = version
    for shop, row in _shop_rows(root, "refunds"):
        refunds[f"{shop}:{row['refund_no']}"] = (f"{shop}:{row['order_no']}", Decimal(row["amount"]))
    back: dict[str, Decimal] = {}
    for order, amount in refunds.values():
        back[order] = back.get(order, Decimal(0)) + amount
    found = [one for _, _, one in rows.values() if one["status"] == "paid" and one["net"] > 0]
    frame = pd.DataFrame(found)
    return frame.assign(revenue=[one["net"] - back.get(one["key"], Decimal(0)) for one in found])


def _shop_rows(root: Path, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((root / "data" / "shop_north").glob(f"{table}_*.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            yield from (("shop_north", row) for row in csv.DictReader(handle))
    for path in sorted((root / "data" / "shop_south").glob(f"{table}_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield "shop_south", json.loads(line)
            except json.JSONDecodeError:
                continue


def _order(shop: str, row: dict[str, Any]) -> dict[str, Any] | None:
    try:
        if shop == "shop_north":
            day = pd.to_datetime(row["placed_at"], format="%d/%m/%Y %H:%M")
            gross, off, status = Decimal(row["subtotal"]), Decimal(row["discount"]), row["status"]
            return {"key": f"{shop}:{row['order_no']}", "day": day, "net": gross - off, "status": status} | {
                "updated": row["updated_at"]
            }
        day = pd.Timestamp(row["createdAt"]).tz_convert("Asia/Ho_Chi_Minh").tz_localize(None)
        gross, off = Decimal(row["amount"]["gross"]), Decimal(row["amount"]["discount"])
        return {"key": f"{shop}:{row['id']}", "day": day, "net": gross - off, "status": row["state"]} | {
            "updated": row["updatedAt"]
        }
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return None
