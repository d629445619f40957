"""Fit the models when a week begins, try them on the past first: facts -> rows of `customer.model_runs`.

Each model is fitted twice: on what was known one horizon ago, to compare with what came (back-test), and on all that is
known now; the second is kept and used. Nothing is kept of a customer. A model that lacks data or did badly is refused,
with the reason.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scoring.prediction import contract, orders, renewals, value
from scoring.prediction.backtest import Backtest, backtest, too_bad
from scoring.prediction.facts import Columns
from scoring.prediction.histories import Floats, grouped
from scoring.prediction.optimise import Fit
from scoring.prediction.renewals_trial import judged_renewals
from scoring.prediction.runs import Attempt, rows_of
from scoring.prediction.settings import Settings
from scoring.threads import one_thread


def needed(
    settings: Settings, before: Sequence[dict[str, Any]], has_contracts: bool, has_prices: bool = False
) -> list[str]:
    """Models whose latest attempt is not of this week and these settings, or lacked data: more may have come.

    `before`: rows (model, week_start, settings, lacks_data, refused_because, fit_seq) of earlier attempts.
    """
    latest = {row["model"]: row for row in _latest(before)}
    wanted = [settings.model, value.NAME, *([contract.NAME] if has_contracts else [])]
    wanted += [renewals.NAME] if has_contracts and has_prices else []
    return [model for model in wanted if not _holds(settings, latest.get(model))]


def _holds(settings: Settings, attempt: dict[str, Any] | None) -> bool:
    return (
        attempt is not None
        and not attempt["lacks_data"]
        and attempt["week_start"] == settings.week_start
        and attempt["settings"] == settings.text
    )


def fit_models(
    settings: Settings, models: Sequence[str], rhythms: Any, spells: Any, before: Sequence[dict[str, Any]],
    prices: Any = None,
) -> Any:  # fmt: skip
    """Tables of `order_rhythms`, `contract_spells`, `subscription_prices` -> Arrow rows to append; none if nothing changed.

    A model that still lacks data for the reason it had before adds no row: a second build says nothing new.
    """
    import scipy.optimize  # noqa: F401 (loaded first: one_thread)

    with one_thread():
        attempts = _attempts(settings, models, Columns(rhythms), Columns(spells), prices)
    said = {
        (row["model"], row["week_start"], row["settings"], row["refused_because"]) for row in _latest(before)
    }
    told = [
        one
        for one in attempts
        if not one.lacks_data
        or (one.model, settings.week_start, settings.text, one.refused_because) not in said
    ]
    first = 1 + max((row["fit_seq"] for row in before), default=0)
    return rows_of(settings, told, first)


def _attempts(
    settings: Settings, models: Sequence[str], facts: Columns, spells: Columns, prices: Any
) -> list[Attempt]:
    attempts = []
    if settings.model in models or value.NAME in models:
        attempts += _orders_and_value(settings, facts, models)
    if contract.NAME in models or renewals.NAME in models:
        ends, trial = _contracts(settings, spells)
        attempts += [ends] if contract.NAME in models else []
        if renewals.NAME in models:
            attempts.append(judged_renewals(settings, Columns(prices), ends, trial))
    return attempts


def _latest(before: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    latest = {row["model"]: row for row in sorted(before, key=lambda row: row["fit_seq"])}
    return list(latest.values())


def _orders_and_value(settings: Settings, facts: Columns, models: Sequence[str]) -> list[Attempt]:
    known = ~np.isnan(facts["known_repeats"])
    missing = _too_few(settings, facts, known)
    model = orders.MODELS[settings.model]
    now, _ = grouped(facts["repeats"], facts["last_days"], facts["age_days"])
    fitted = None if missing else orders.fit(model, now)
    trial = _trial(settings, facts, known) if fitted else None
    if fitted is None or trial is None:
        why = missing or "the likelihood has no maximum in these data"
        refused = [
            Attempt(name, refused_because=why, lacks_data=bool(missing)) for name in (model.name, value.NAME)
        ]
        return [one for one in refused if one.model in models]
    churn = Attempt(
        model.name, model.parameters, fitted, trial,
        too_bad(trial, settings.max_calibration_error), error=trial.calibration_error,
    )  # fmt: skip
    worth = _fit_value(settings, facts["valued_repeats"], facts["repeat_value"])
    return [one for one in (churn, _judged_value(settings, trial, worth)) if one.model in models]


def _trial(settings: Settings, facts: Columns, known: Any) -> Backtest | None:
    """Fit on what was known one horizon ago, predict the horizon, compare; None without a maximum."""
    model, weeks = orders.MODELS[settings.model], settings.horizon_weeks
    age, last = facts["known_age_days"][known], facts["known_last_days"][known]
    past, place = grouped(facts["known_repeats"][known], last, age)
    fitted = orders.fit(model, past)
    if fitted is None:
        return None
    silent = orders.silent_probability(model, fitted.theta, past, weeks)[place]
    bought = orders.expected_orders(model, fitted.theta, past, np.array([weeks]))[place, 0]
    came = facts["holdout_orders"][known]
    amounts = {"predicted_orders": bought, "actual_orders": came}
    x, z = facts["known_valued_repeats"][known], facts["known_repeat_value"][known]
    worth = _fit_value(settings, x, z).fit
    if worth is not None:
        amounts["predicted_revenue"] = bought * value.expected(worth.theta, x, z)
        amounts["actual_revenue"] = np.nan_to_num(facts["holdout_revenue"][known])
    return backtest(silent, (came == 0).astype(float), age - last, **amounts)


def _too_few(settings: Settings, facts: Columns, known: Any) -> str | None:
    """Which floor the data do not reach; None when they reach all."""
    customers = int(known.sum())
    if customers < settings.min_customers:
        return (
            f"{customers} customers had bought by {settings.cutoff_on}, the beginning of the back-test;"
            f" {settings.min_customers} are needed (prediction.min_customers)"
        )
    repeated = int((facts["known_repeats"][known] > 0).sum())
    if repeated < settings.min_repeat_customers:
        return (
            f"{repeated} customers had bought on two days or more by {settings.cutoff_on};"
            f" {settings.min_repeat_customers} are needed (prediction.min_repeat_customers)"
        )
    days = int(facts["age_days"].max())
    if days < settings.min_history_horizons * settings.horizon_days:
        return (
            f"orders go back {days} days; {settings.min_history_horizons:g} times the horizon of"
            f" {settings.horizon_days} days is needed (prediction.min_history_horizons)"
        )
    came = int((facts["holdout_orders"][known] > 0).sum())
    fewer = min(came, customers - came)
    if fewer < settings.min_outcomes:
        return (
            f"{came} of {customers} customers bought after {settings.cutoff_on}; {settings.min_outcomes} who did"
            " and as many who did not are needed (prediction.min_outcomes)"
        )
    return None


class ValueFit(NamedTuple):
    """Gamma-Gamma on one state of knowledge, or why there is none."""

    fit: Fit | None
    why_not: str | None = None
    lacks_data: bool = False


def _fit_value(settings: Settings, repeats: Floats, values: Floats) -> ValueFit:
    usable = (repeats > 0) & (np.nan_to_num(values) > 0)
    x, z = repeats[usable], values[usable]
    if len(x) < settings.min_repeat_customers:
        why = (
            f"{len(x)} customers have repeat orders with a value; {settings.min_repeat_customers} are needed"
            " (prediction.min_repeat_customers)"
        )
        return ValueFit(None, why, lacks_data=True)
    related = value.correlation(x, z)
    if abs(related) > settings.max_value_correlation:
        return ValueFit(
            None,
            f"number and value of orders correlate by {related:.2f} over {len(x)} customers, beyond"
            f" {settings.max_value_correlation:g} (prediction.max_value_correlation): the model takes them for unrelated",
        )
    fitted = value.fit(x, z)
    if fitted is None or fitted.theta[1] <= 1:
        return ValueFit(None, "the values of orders have no finite mean in this model (q is not above 1)")
    return ValueFit(fitted)


def _judged_value(settings: Settings, result: Backtest, found: ValueFit) -> Attempt:
    """Revenue needs the value of an order and the number of orders; both are held against what came."""
    sums = {
        what: (result.sums[f"predicted_{what}"], result.sums[f"actual_{what}"])
        for what in ("orders", "revenue")
        if f"predicted_{what}" in result.sums
    }
    errors = {what: predicted / actual - 1 for what, (predicted, actual) in sums.items() if actual > 0}
    why_not = found.why_not
    if found.fit and "revenue" not in errors:
        why_not = "back-test: the values known at its beginning carry no model, so revenue was not tried"
    elif found.fit and (bad := [what for what in errors if abs(errors[what]) > settings.max_total_error]):
        told = [
            f"{what} predicted {sums[what][0]:.0f}, came {sums[what][1]:.0f} ({errors[what]:+.0%})"
            for what in bad
        ]
        limit = f"{settings.max_total_error:.0%} (prediction.max_total_error)"
        why_not = f"back-test: {'; '.join(told)}, beyond {limit}"
    return Attempt(
        value.NAME, value.PARAMETERS, found.fit, None, why_not, errors.get("revenue"), found.lacks_data
    )


def _contracts(settings: Settings, spells: Columns) -> tuple[Attempt, Fit | None]:
    """Ends of subscriptions: fitted on spells, tried on those that ran one horizon ago; and the fit of that time."""
    start, end = spells["started_days"], spells["ended_days"]  # days before as_of; ended: nan while it runs
    horizon = settings.horizon_days
    ended = int((~np.isnan(end)).sum())
    if ended < settings.min_ended_subscriptions:
        return Attempt(
            contract.NAME, lacks_data=True,
            refused_because=f"{ended} subscriptions have ended; {settings.min_ended_subscriptions} are needed"
            " (prediction.min_ended_subscriptions)",
        ), None  # fmt: skip
    past = start >= horizon
    running = past & (np.isnan(end) | (end < horizon))
    left = ~np.isnan(end[running])
    if min(int(left.sum()), int((~left).sum())) < settings.min_outcomes:
        return Attempt(
            contract.NAME, lacks_data=True,
            refused_because=f"{int(left.sum())} of {len(left)} subscriptions that ran on {settings.cutoff_on} ended"
            f" since; {settings.min_outcomes} that did and as many that did not are needed (prediction.min_outcomes)",
        ), None  # fmt: skip
    fitted = contract.fit((start - np.nan_to_num(end)) / 7, (~np.isnan(end)).astype(float))
    known_end = np.where(np.isnan(end) | (end < horizon), np.nan, end)[past]
    tenure = (start[past] - np.where(np.isnan(known_end), horizon, known_end)) / 7
    trial = contract.fit(tenure, (~np.isnan(known_end)).astype(float))
    if fitted is None or trial is None:
        return Attempt(contract.NAME, refused_because="the likelihood has no maximum in these data"), None
    before = (start[running] - horizon) / 7
    predicted = contract.end_probability(trial.theta, before, settings.horizon_weeks)
    result = backtest(predicted, left.astype(float), -before)
    return Attempt(
        contract.NAME, contract.PARAMETERS, fitted, result,
        too_bad(result, settings.max_calibration_error), error=result.calibration_error,
    ), trial  # fmt: skip
