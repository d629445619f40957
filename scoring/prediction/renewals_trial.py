"""Back-test of the payments of subscriptions: what fell due in the last horizon, predicted from its beginning."""

import numpy as np

from scoring.prediction import contract, renewals
from scoring.prediction.backtest import backtest
from scoring.prediction.facts import Columns
from scoring.prediction.optimise import Fit
from scoring.prediction.runs import Attempt
from scoring.prediction.settings import Settings


def judged_renewals(settings: Settings, prices: Columns, ends: Attempt, trial: Fit | None) -> Attempt:
    """Columns of `subscription_prices`, the attempt at their ends and its fit of one horizon ago -> the attempt at revenue.

    What came is what fell due while the subscription ran, at the price in force: invoices are not asked whether they were paid.
    """
    if ends.refused_because or trial is None:
        return Attempt(renewals.NAME, refused_because=ends.refused_because, lacks_data=ends.lacks_data)
    horizon = settings.horizon_days
    start, end, price = (prices[name] for name in ("started_days", "ended_days", "price"))
    ran = (start >= horizon) & (np.isnan(end) | (end < horizon)) & ~np.isnan(price)
    price, end = price[ran], horizon - end[ran]  # days from the beginning of the back-test; nan: runs still
    tenure = (prices["spell_days"][ran] - horizon) / 7
    due, months, days = (prices[name][ran] for name in ("known_due_days", "period_months", "period_days"))
    dues = renewals.due_days(due, months, days, horizon)
    fell = sum((~np.isnan(one)).sum() for one in dues)
    if fell < settings.min_outcomes:
        return Attempt(
            renewals.NAME, lacks_data=True, n=len(price),
            refused_because=f"{fell} payments of {len(price)} subscriptions with a price fell due after"
            f" {settings.cutoff_on}; {settings.min_outcomes} are needed (prediction.min_outcomes)",
        )  # fmt: skip
    unknown = np.full(len(price), np.nan)
    expected = price * renewals.expected_payments(trial.theta, tenure, dues, unknown)
    until = np.where(np.isnan(end), np.inf, end)
    came = price * renewals.expected_payments(None, tenure, dues, until)
    result = backtest(
        contract.end_probability(trial.theta, tenure, settings.horizon_weeks), (~np.isnan(end)).astype(float), -tenure,
        predicted_revenue=expected, actual_revenue=came,
    )  # fmt: skip
    error = float(expected.sum() / came.sum() - 1) if came.sum() > 0 else float("inf")
    why_not = None
    if abs(error) > settings.max_total_error:
        why_not = (
            f"back-test: subscription revenue predicted {expected.sum():.0f}, came {came.sum():.0f} ({error:+.0%}),"
            f" beyond {settings.max_total_error:.0%} (prediction.max_total_error)"
        )
    error_shown = error if np.isfinite(error) else None
    return Attempt(renewals.NAME, (), None, result, why_not, error_shown, n=len(price))
