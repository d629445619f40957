"""Does the design of `cx_recovery` find what was planted? Many simulated companies of the demo's size, in numpy alone.

World(seed)  ->  the generator's own journeys  ->  first detractor answer, landmark, orders per day  ->  ratio and interval

That the SQL computes this design is shown elsewhere (tests/integration/test_cases.py); here it is asked whether it is right.
"""

import numpy as np

from demo.effects import Effects
from demo.journey import NEVER, make_journey
from demo.people import make_people
from demo.world import AS_OF, DAY, World

SEEDS = 40
LANDMARK, FOLLOW_UP = 14 * DAY, 90 * DAY


def rate(orders: np.ndarray, days: np.ndarray) -> tuple[float, float]:
    """Orders per day and the linearised variance over people."""
    found = orders.sum() / days.sum()
    size = orders.size
    return found, size / (size - 1) * ((orders - found * days) ** 2).sum() / days.sum() ** 2


def recovered(seed: int) -> tuple[float, float]:
    """Ratio of uncalled to called detractors' orders, and the standard error of its logarithm."""
    world = World(seed, 0, 0, 5000, Effects())
    journey = make_journey(world, make_people(world))
    answers, orders = journey.answers, journey.orders
    person = orders.person[answers.order]
    bad = np.flatnonzero((answers.answered != NEVER) & (answers.nps <= 6))
    bad = bad[np.lexsort((answers.answered[bad], person[bad]))]
    first = bad[np.r_[True, np.diff(person[bad]) != 0]]
    start = answers.answered[first] + LANDMARK
    first, start = first[start < AS_OF - DAY], start[start < AS_OF - DAY]
    end = np.minimum(start + FOLLOW_UP, AS_OF)
    kept = ~orders.cancelled
    keys = np.sort((orders.person[kept].astype(np.int64) << 40) + orders.ordered[kept])
    base = person[first].astype(np.int64) << 40
    bought = np.searchsorted(keys, base + end, "right") - np.searchsorted(keys, base + start, "right")
    called, days = answers.called[first] != NEVER, (end - start) / DAY
    (yes, yes_var), (no, no_var) = (rate(bought[one], days[one]) for one in (called, ~called))
    return no / yes, float(np.sqrt(yes_var / yes**2 + no_var / no**2))


def test_the_design_finds_the_planted_ratio_at_the_size_of_the_demo() -> None:
    """On average 0.5, and the interval holds it about as often as it says."""
    truth = Effects().uncalled_order_factor
    ratios, errors = (
        np.array(column) for column in zip(*(recovered(seed) for seed in range(SEEDS)), strict=True)
    )
    covered = np.abs(np.log(ratios / truth)) <= 1.96 * errors

    assert abs(np.exp(np.log(ratios).mean()) - truth) < 0.03
    assert covered.mean() >= 0.9
    assert np.log(ratios).std() < 1.3 * errors.mean()
