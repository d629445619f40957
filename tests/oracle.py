"""An independent answer to the examples' figures: raw files -> pandas and numpy -> numbers.

Nothing here reads our SQL, our configuration or our warehouse, so that agreement is evidence. Missing codes,
scales and formulas are written out again from the publishers' documents; scipy gives the t quantile only.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

Z95 = float(stats.norm.ppf(0.975))
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

# Question -> (column, metric), typed from the survey's field guide
SURVEY_QUESTIONS = {
    "nps_overall": ("NETPRO", "nps"),
    "csat_overall": ("Q7ALL", "csat"),
    "csat_artwork": ("Q7ART", "csat"),
    "csat_restaurants": ("Q7FOOD", "csat"),
    "csat_shops": ("Q7STORE", "csat"),
    "csat_signs": ("Q7SIGN", "csat"),
    "csat_walkways": ("Q7WALKWAYS", "csat"),
    "csat_screens": ("Q7SCREENS", "csat"),
    "csat_info_arrivals": ("Q7INFODOWN", "csat"),
    "csat_info_departures": ("Q7INFOUP", "csat"),
    "csat_wifi": ("Q7WIFI", "csat"),
    "csat_road_signs": ("Q7ROADS", "csat"),
    "csat_parking": ("Q7PARK", "csat"),
    "csat_airtrain": ("Q7AIRTRAIN", "csat"),
    "csat_parking_shuttle": ("Q7LTPARKING", "csat"),
    "csat_rental_cars": ("Q7RENTAL", "csat"),
    "clean_overall": ("Q9ALL", "csat"),
    "clean_boarding": ("Q9BOARDING", "csat"),
    "clean_airtrain": ("Q9AIRTRAIN", "csat"),
    "clean_rental_cars": ("Q9RENTAL", "csat"),
    "clean_restaurants": ("Q9FOOD", "csat"),
    "clean_restrooms": ("Q9RESTROOM", "csat"),
    "feel_safe": ("Q10SAFE", "csat"),
    "ease_getting_here": ("Q13GETRATE", "ces"),
    "ease_find_way": ("Q14FIND", "ces"),
    "ease_security": ("Q14PASSTHRU", "ces"),
}


@dataclass(frozen=True)
class Score:
    """One CX figure with its sample and 95 % interval.

    `high` and `low` are promoters and detractors of an NPS; satisfied (or easy) and the rest otherwise.
    NPS runs from -100 to 100, CSAT is a share from 0 to 1, CES a mean on the scale.
    """

    metric: str
    n: int
    high: int
    low: int
    mean: float
    score: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Grocery:
    """Totals of the loyalty scheme; money in whole cents, so that sums are exact."""

    households: int
    lines: int
    baskets: int
    sales_cents: int
    discount_cents: int
    baskets_not_positive: int
    lines_not_positive: int
    per_household: pd.DataFrame


def nps(scores: Iterable[float]) -> Score:
    """Promoters 9-10 less detractors 0-6; interval by adjusted Wald, 3/4, 3/2 and 3/4 answers added."""
    values = np.asarray(list(scores), dtype=float)
    n, high, low = len(values), int((values >= 9).sum()), int((values <= 6).sum())
    promoters, detractors = (high + 0.75) / (n + 3), (low + 0.75) / (n + 3)
    centre = promoters - detractors
    half = Z95 * np.sqrt((promoters + detractors - centre**2) / (n + 3))
    point = 100 * (high - low) / n
    return Score(
        "nps",
        n,
        high,
        low,
        float(values.mean()),
        point,
        100 * float(centre - half),
        100 * float(centre + half),
    )


def csat(scores: Iterable[float], satisfied_from: float = 4) -> Score:
    """Share at or above `satisfied_from`; Wilson interval."""
    values = np.asarray(list(scores), dtype=float)
    n, high = len(values), int((values >= satisfied_from).sum())
    share = high / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return Score(
        "csat", n, high, n - high, float(values.mean()), share, float(centre - half), float(centre + half)
    )


def ces(scores: Iterable[float], easy_from: float = 4) -> Score:
    """Mean ease, high is easy; Student's t interval."""
    values = np.asarray(list(scores), dtype=float)
    n, high, mean = len(values), int((values >= easy_from).sum()), float(values.mean())
    half = float(stats.t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / np.sqrt(n)
    return Score("ces", n, high, n - high, mean, mean, float(mean - half), float(mean + half))


MEASURES: dict[str, Callable[[Iterable[float]], Score]] = {"nps": nps, "csat": csat, "ces": ces}


def weighted_nps(scores: pd.Series, weights: pd.Series) -> tuple[float, float, float]:
    """NPS with survey weights: (score, half width by linearised variance, effective n)."""
    points = np.where(scores >= 9, 100.0, np.where(scores <= 6, -100.0, 0.0))
    total = float(weights.sum())
    score = float((weights * points).sum()) / total
    variance = float((weights**2 * (points - score) ** 2).sum()) / total**2
    return score, Z95 * float(np.sqrt(variance)), total**2 / float((weights**2).sum())


def survey(examples: Path = EXAMPLES) -> pd.DataFrame:
    """The airport survey as delivered, every cell text."""
    path = examples / "airport_survey" / "data" / "sfo_customer_survey_2017.csv.gz"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def survey_scores(answers: pd.DataFrame, question: str) -> pd.Series:
    """Valid scores of a question, indexed like `answers`: 0-10 for NPS, 1-5 for the items."""
    column, metric = SURVEY_QUESTIONS[question]
    numbers = pd.to_numeric(answers[column], errors="coerce")
    low, high = (0, 10) if metric == "nps" else (1, 5)
    return numbers[numbers.between(low, high)]


def survey_score(answers: pd.DataFrame, question: str) -> Score:
    """The figure of one question over the given answers."""
    return MEASURES[SURVEY_QUESTIONS[question][1]](survey_scores(answers, question))


def grocery(examples: Path = EXAMPLES) -> Grocery:
    """Households, lines, baskets and sales of the loyalty scheme."""
    lines = pd.read_parquet(examples / "grocery_loyalty" / "data" / "transactions.parquet")
    lines["cents"] = (lines["sales_value"] * 100).round().astype("int64")
    discount = (lines["retail_disc"] * 100).round() + (lines["coupon_match_disc"] * 100).round()
    baskets = lines.groupby("basket_id").agg(household=("household_id", "first"), cents=("cents", "sum"))
    baskets["paid"] = baskets["cents"] > 0
    people = baskets.groupby("household").agg(
        baskets=("cents", "size"), paid_baskets=("paid", "sum"), cents=("cents", "sum")
    )
    return Grocery(
        households=int(lines["household_id"].nunique()),
        lines=len(lines),
        baskets=len(baskets),
        sales_cents=int(lines["cents"].sum()),
        discount_cents=int(discount.sum()),
        baskets_not_positive=int((~baskets["paid"]).sum()),
        lines_not_positive=int((lines["cents"] <= 0).sum()),
        per_household=people,
    )


def helpdesk(examples: Path = EXAMPLES) -> pd.DataFrame:
    """One row per case (index, text): events, opened, solved (its last event), hours between."""
    log = pd.read_csv(examples / "helpdesk" / "data" / "helpdesk.csv.gz", dtype=str)
    log["at"] = pd.to_datetime(log["CompleteTimestamp"])
    cases = log.groupby("CaseID")["at"].agg(events="size", opened="min", solved="max")
    cases["hours"] = (cases["solved"] - cases["opened"]).dt.total_seconds() / 3600
    return cases


def clickstream(examples: Path = EXAMPLES) -> pd.DataFrame:
    """The shop's events in time order per user; `new_session` marks the first after 30 idle minutes."""
    events = pd.read_csv(examples / "web_shop" / "data" / "ecom.csv.gz", dtype=str)
    events["at"] = pd.to_datetime(events["timestamp"])
    events = events.sort_values(["user_id", "at"], kind="stable", ignore_index=True)
    idle = events.groupby("user_id")["at"].diff()
    events["new_session"] = idle.isna() | (idle > pd.Timedelta(minutes=30))
    return events
