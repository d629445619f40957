"""An independent answer to the examples' figures: raw files -> pandas and numpy -> numbers.

Nothing here reads our SQL, our configuration or our warehouse, so that agreement is evidence. Missing codes,
scales and formulas are written out again from the publishers' documents; scipy gives the t quantile only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Floats = npt.NDArray[np.float64]
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


def _points(metric: str, values: Floats, limit: float) -> Floats:
    """What a figure is the mean of: 1, 0, -1; 1 and 0; the score itself."""
    if metric == "nps":
        return (values >= 9).astype(float) - (values <= 6)
    return (values >= limit).astype(float) if metric == "csat" else values


def clustered_variance(points: Floats, people: Sequence[str], weights: Floats | None = None) -> float:
    """Variance of the (weighted) mean when whole people are drawn: linearised, people as sampling units."""
    w = np.ones(len(points)) if weights is None else weights
    mean = float((w * points).sum() / w.sum())
    scores = pd.Series(w * (points - mean)).groupby(list(people)).sum()
    g = len(scores)
    return float(g / (g - 1) * (scores**2).sum() / w.sum() ** 2) if g > 1 else float("nan")


def _size(points: Floats, people: Sequence[str] | None) -> float:
    """Answers that count as independent: n over the design effect, with Student's t for the number of people."""
    n = len(points)
    if people is None or len(set(people)) == n:
        return float(n)
    g = len(set(people))
    if g == 1:
        return float("nan")
    alone = points.var(ddof=1) / n
    effect = max(1.0, clustered_variance(points, people) / alone) if alone > 0 else n / g
    return float(n / effect * (Z95 / stats.t.ppf(0.975, g - 1)) ** 2)


def nps(scores: Iterable[float], people: Sequence[str] | None = None) -> Score:
    """Promoters 9-10 less detractors 0-6; interval by adjusted Wald, 3/4, 3/2 and 3/4 answers added."""
    values = np.asarray(list(scores), dtype=float)
    n, high, low = len(values), int((values >= 9).sum()), int((values <= 6).sum())
    size = _size(_points("nps", values, 0), people)
    promoters, detractors = (high / n * size + 0.75) / (size + 3), (low / n * size + 0.75) / (size + 3)
    centre = promoters - detractors
    half = Z95 * np.sqrt((promoters + detractors - centre**2) / (size + 3))
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


def csat(scores: Iterable[float], satisfied_from: float = 4, people: Sequence[str] | None = None) -> Score:
    """Share at or above `satisfied_from`; Wilson interval."""
    values = np.asarray(list(scores), dtype=float)
    n, high = len(values), int((values >= satisfied_from).sum())
    share, size = high / n, _size(_points("csat", values, satisfied_from), people)
    centre = (share + Z95**2 / (2 * size)) / (1 + Z95**2 / size)
    half = Z95 / (1 + Z95**2 / size) * np.sqrt(share * (1 - share) / size + Z95**2 / (4 * size**2))
    return Score(
        "csat", n, high, n - high, float(values.mean()), share, float(centre - half), float(centre + half)
    )


def ces(scores: Iterable[float], easy_from: float = 4, people: Sequence[str] | None = None) -> Score:
    """Mean ease, high is easy; Student's t interval."""
    values = np.asarray(list(scores), dtype=float)
    n, high, mean = len(values), int((values >= easy_from).sum()), float(values.mean())
    persons = [str(one) for one in range(n)] if people is None else list(people)
    g = len(set(persons))
    alone = float(values.var(ddof=1)) / n
    variance = max(alone, clustered_variance(values, persons)) if alone > 0 else alone
    half = float(stats.t.ppf(0.975, g - 1)) * np.sqrt(variance) if g > 1 else float("nan")
    return Score("ces", n, high, n - high, mean, mean, float(mean - half), float(mean + half))


MEASURES: dict[str, Callable[[Iterable[float]], Score]] = {"nps": nps, "csat": csat, "ces": ces}


def weighted(
    metric: str, scores: pd.Series, weights: pd.Series, limit: float = 0, people: Sequence[str] | None = None
) -> tuple[float, float, float, float]:
    """A figure with survey weights: (score, ci_low, ci_high, effective n of people).

    The same intervals as without weights, on the number of answers that gives the linearised variance.
    """
    persons = [str(one) for one in scores.index] if people is None else list(people)
    points = _points(metric, scores.to_numpy(dtype=float), limit)
    w = weights.to_numpy(dtype=float)
    unit = 100 if metric == "nps" else 1
    mean = float((w * points).sum() / w.sum())
    per_person = pd.Series(w).groupby(persons).sum()
    effective = float(w.sum() ** 2 / (per_person**2).sum())
    if len(per_person) == 1 or round(effective) < 2:
        return unit * mean, float("nan"), float("nan"), effective
    variance = clustered_variance(points, persons, w)
    t = float(stats.t.ppf(0.975, round(effective) - 1))
    spread = float((w * points**2).sum() / w.sum()) - mean**2
    size = (min(len(w), spread / variance) if variance > 1e-12 else effective) * (Z95 / t) ** 2
    if metric == "ces":
        centre, half = mean, t * np.sqrt(variance)
    elif metric == "csat":
        centre = (mean + Z95**2 / (2 * size)) / (1 + Z95**2 / size)
        half = Z95 * np.sqrt(mean * (1 - mean) / size + Z95**2 / (4 * size**2)) / (1 + Z95**2 / size)
    else:
        high = (float(w[points == 1].sum() / w.sum()) * size + 0.75) / (size + 3)
        low = (float(w[points == -1].sum() / w.sum()) * size + 0.75) / (size + 3)
        centre, half = high - low, Z95 * np.sqrt((high + low - (high - low) ** 2) / (size + 3))
    ends = min(centre - half, mean), max(centre + half, mean)
    return unit * mean, unit * float(ends[0]), unit * float(ends[1]), effective


def weighted_nps(scores: pd.Series, weights: pd.Series) -> tuple[float, float, float]:
    """NPS with survey weights: (score, half width, effective n)."""
    score, low, high, effective = weighted("nps", scores, weights)
    return score, (high - low) / 2, effective


def difference(one: pd.Series, other: pd.Series, people: pd.Series) -> tuple[float, float, float]:
    """Mean of one less mean of the other, half its 95 % interval, chance of it; `people` says whose each answer is, by index.

    Welch's t over people; where somebody answered twice the variance is that of drawing people, if that is larger: what each
    person moves the difference by, squared and summed, each side with people less one.
    """
    moved = {}
    for sign, side in ((1, one), (-1, other)):
        persons = people[side.index]
        few = persons.nunique() / (persons.nunique() - 1)
        moved[sign] = (
            sign * np.sqrt(few) * ((side - side.mean()) / len(side)).groupby(persons.to_numpy()).sum()
        )
    clustered = float((moved[1].add(moved[-1], fill_value=0) ** 2).sum())
    errors = [float(side.var(ddof=1)) / len(side) for side in (one, other)]
    counts = [people[side.index].nunique() for side in (one, other)]
    df = np.floor(sum(errors) ** 2 / sum(error**2 / (n - 1) for error, n in zip(errors, counts, strict=True)))
    everybody = people[[*one.index, *other.index]]
    error = np.sqrt(max(sum(errors), clustered) if everybody.nunique() < len(everybody) else sum(errors))
    found = float(one.mean() - other.mean())
    return found, float(stats.t.ppf(0.975, df) * error), float(2 * stats.t.sf(abs(found) / error, df))


def holm(chances: Sequence[float]) -> list[float]:
    """Chances corrected for their number (Holm 1979), in the order given."""
    order = np.argsort(chances, kind="stable")
    raised = np.asarray(chances)[order] * np.arange(len(chances), 0, -1)
    out = np.empty(len(chances))
    out[order] = np.minimum(1, np.maximum.accumulate(raised))
    return out.tolist()


def lmg(y: Floats, x: Floats) -> Floats:
    """Relative importance by definition: what each column adds to R squared, over every order of entering."""

    @cache
    def r_squared(columns: frozenset[int]) -> float:
        design = np.column_stack([np.ones(len(y)), *(x[:, one] for one in columns)])
        rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        return 1 - float(rest @ rest) / float(((y - y.mean()) ** 2).sum())

    added = np.zeros(x.shape[1])
    orders = list(permutations(range(x.shape[1])))
    for order in orders:
        before = 0.0
        for place, column in enumerate(order):
            now = r_squared(frozenset(order[: place + 1]))
            added[column] += now - before
            before = now
    return added / len(orders)


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
