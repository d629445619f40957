"""The CDNOW sample (tests/fixtures/cdnow), read with pandas: facts as `order_rhythms` has them, and as the papers have them."""

from pathlib import Path

import pandas as pd

LOG = Path(__file__).parent / "fixtures" / "cdnow" / "CDNOW_sample.txt.gz"
CUTOFF = pd.Timestamp("1997-09-30")
END = pd.Timestamp("1998-06-30")


def days() -> pd.DataFrame:
    """One row per customer and day with a purchase: id, date, usd, first."""
    log = pd.read_csv(LOG, sep=r"\s+", header=None, names=["whole", "id", "date", "discs", "usd"])
    log["date"] = pd.to_datetime(log["date"].astype(str))
    found = log.groupby(["id", "date"], as_index=False)["usd"].sum()
    found["first"] = found.groupby("id")["date"].transform("min")
    return found


def rhythms(
    end: pd.Timestamp = END, cutoff: pd.Timestamp = CUTOFF, of: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Columns of `order_rhythms`, one row per customer of CDNOW, or of another table like that of `days`."""
    table = days() if of is None else of
    table = table[table["date"] <= end]
    now, past = _facts(table, end), _facts(table[table["date"] <= cutoff], cutoff)
    names = {name: f"known_{name}" for name in past.columns}
    later = (
        table[table["date"] > cutoff].groupby("id")["usd"].agg(holdout_orders="size", holdout_revenue="sum")
    )
    out = now.join(past.rename(columns=names)).join(later)
    out[["holdout_orders", "holdout_revenue"]] = out[["holdout_orders", "holdout_revenue"]].fillna(0)
    return out.reset_index(names="customer_id")


def _facts(table: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    by = table.groupby("id")
    first, repeats = by["first"].min(), table[table["date"] > table["first"]].groupby("id")["usd"]
    out = pd.DataFrame({"repeats": by.size() - 1, "last_days": (by["date"].max() - first).dt.days})
    out["age_days"] = (end - first).dt.days
    out["valued_repeats"] = repeats.size().reindex(out.index).fillna(0)
    out["repeat_value"] = repeats.mean().reindex(out.index)
    return out
