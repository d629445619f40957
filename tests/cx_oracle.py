"""NPS, CSAT and CES of the simulated company from its survey's own files, by pandas and the formulas of `tests.oracle`.

data/survey/responses_*.csv  ->  answers that count  ->  the figure of every question, period and cut

Scales are typed from the survey, not read from cdp.yml. Who a response is from is for identity to say, and in which segment a
customer is for RFM; both are shown elsewhere and given here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from tests import oracle

# question -> column, scale, how its figure is made; ease has 7 steps and is easy from 5
QUESTIONS: dict[str, tuple[str, tuple[int, int], Callable[..., oracle.Score]]] = {
    "nps_overall": ("nps", (0, 10), oracle.nps),
    "csat_delivery": ("csat_delivery", (1, 5), oracle.csat),
    "csat_support": ("csat_support", (1, 5), oracle.csat),
    "ease_support": ("ease_support", (1, 7), partial(oracle.ces, easy_from=5)),
}
CUTS = ("survey", "touchpoint", "channel", "language")
PERIODS = {"year": "Y", "quarter": "Q", "month": "M", "week": "W-SUN"}
# period, first day, dimension, value
Cell = tuple[str, str | None, str, str]


def responses(root: Path) -> pd.DataFrame:
    """Rows of all deliveries but previews of the questionnaire; a row delivered twice is one."""
    files = sorted(root.glob("data/survey/responses_*.csv"))
    rows = pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in files])
    rows = rows.drop_duplicates().reset_index(drop=True)
    assert rows["response_id"].is_unique
    assert rows["invitation_id"].is_unique  # so no answer is given again
    rows["day"] = pd.to_datetime(rows["answered_at"])  # in the reporting zone
    return rows[rows["is_test"] != "true"]


def scores(
    rows: pd.DataFrame, question: str, owners: Mapping[str, str], segments: Mapping[str, str]
) -> dict[Cell, tuple[oracle.Score, int]]:
    """Figure and number of respondents of every cell with an answer inside the scale."""
    column, (low, high), measure = QUESTIONS[question]
    given = rows.assign(score=pd.to_numeric(rows[column], errors="coerce"))
    given = given[given["score"].between(low, high)]
    customer = given["response_id"].map(owners)
    given = given.assign(person=customer.fillna(given["response_id"]), segment=customer.map(segments))
    found: dict[Cell, tuple[oracle.Score, int]] = {}
    for dimension in ("all", *CUTS, "segment"):
        values = pd.Series("all", given.index) if dimension == "all" else given[dimension].replace("", pd.NA)
        for period in ("all", *PERIODS):
            starts = pd.Series("", given.index)
            if period != "all":
                starts = given["day"].dt.to_period(PERIODS[period]).dt.start_time.dt.strftime("%Y-%m-%d")
            for (value, start), cell in given.groupby([values, starts]):
                people = list(cell["person"])
                figure = measure(cell["score"], people=people)
                found[period, start or None, dimension, str(value)] = figure, len(set(people))
    return found
