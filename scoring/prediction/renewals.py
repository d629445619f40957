"""Subscription revenue: payments that fall due, each weighed by the chance that the contract still runs then.

Source. Fader and Hardie, "Customer-base valuation in a contractual setting: the perils of ignoring heterogeneity"
(Marketing Science 29(1), 2010): expected residual value of a customer of tenure t is the sum over renewals to come of the
payment times S(t + u) / S(t), u from now; S is that of `contract.py`. Payments are those of the price in force: neither
rises, upgrades nor unpaid invoices are foreseen. One is due a billing period after the other, counted from the start; months
are 365 / 12 days from the next due day on, so a year has 12 / months of them.
"""

import numpy as np

from scoring.prediction import contract
from scoring.prediction.histories import Floats

NAME = "subscription_revenue"
YEAR = 365
MONTH = YEAR / 12


def due_days(next_due: Floats, months: Floats, days: Floats, window: float) -> list[Floats]:
    """Days until each payment of n subscriptions within `window` days: a list of arrays of n, nan where none is due.

    `months` or `days`: the billing period, whichever is not zero.
    """
    length = np.where(days > 0, days, months * MONTH)
    whole = (window == YEAR) & (days <= 0) & (months > 0) & (12 % np.maximum(months, 1) == 0)
    count = np.where(whole, 12 / np.maximum(months, 1), np.floor((window - next_due) / length + 1e-9) + 1)
    out = []
    for place in range(int(count.max(initial=0))):
        due = np.minimum(next_due + place * length, window)
        out.append(np.where(place < count, due, np.nan))
    return out


def expected_payments(
    theta: Floats | None, tenure: Floats, dues: list[Floats], end: Floats, discount: float = 0.0
) -> Floats:
    """Expected number of payments per subscription, each worth (1 + discount)^(-years) today.

    `tenure`: weeks; `end`: days until a declared end, nan without one. A declared end is no guess: what falls due before it
    is paid, nothing from then on. Others by the law of tenures; nan without one.
    """
    total = np.zeros(len(tenure))
    declared = ~np.isnan(end)
    for due in dues:
        runs = np.full(len(tenure), np.nan)
        if theta is not None:
            runs = 1 - contract.end_probability(theta, tenure, np.nan_to_num(due) / 7)
        runs = np.where(declared, (due < end).astype(float), runs)
        total += np.where(np.isnan(due), 0.0, runs * (1 + discount) ** (-np.nan_to_num(due) / YEAR))
    # none due is nothing to guess about: the sum stays 0
    return total
