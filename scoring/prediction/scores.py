"""Every customer's figures from the fits in force: pure functions of (fit, facts of the customer, as_of).

Figures are rounded where doubles stop being the same on every machine: 6 digits of a probability, a hundredth of money.
"""

from typing import Any

import numpy as np

from scoring.prediction import contract, orders, renewals, value
from scoring.prediction.facts import Columns
from scoring.prediction.histories import Floats, grouped
from scoring.prediction.settings import Settings

MONTHS = 12
YEAR_WEEKS = 365 / 7


def parameters_in_force(fits: list[dict[str, Any]]) -> dict[str, Floats]:
    """Model -> parameters of its latest attempt, where that was not refused. `fits`: parameter rows of `model_runs`."""
    found = {}
    for model in sorted({row["model"] for row in fits}):
        latest = max(row["fit_seq"] for row in fits if row["model"] == model)
        rows = {row["name"]: row for row in fits if row["fit_seq"] == latest and row["model"] == model}
        if all(row["refused_because"] is None for row in rows.values()):
            found[model] = np.array([rows[name]["value"] for name in _names(model)])
    return found


def _names(model: str) -> tuple[str, ...]:
    known = {value.NAME: value.PARAMETERS, contract.NAME: contract.PARAMETERS, renewals.NAME: ()}
    return known[model] if model in known else orders.MODELS[model].parameters


def score_customers(settings: Settings, fits: dict[str, Floats], rhythms: Any) -> Any:
    """Arrow rows of `order_rhythms` -> Arrow rows (customer_id, silent_prob, alive_prob, orders, value, revenue, clv)."""
    import pyarrow as pa

    facts, n = Columns(rhythms), rhythms.num_rows
    out = {
        name: np.full(n, np.nan)
        for name in (
            "silent_prob",
            "alive_prob",
            "expected_orders_12m",
            "order_value",
            "revenue_12m",
            "clv_12m",
        )
    }
    theta = fits.get(settings.model)
    if theta is not None and n:
        model = orders.MODELS[settings.model]
        seen, place = grouped(facts["repeats"], facts["last_days"], facts["age_days"])
        silent = orders.silent_probability(model, theta, seen, settings.horizon_weeks)
        months = orders.expected_orders(model, theta, seen, np.arange(1, MONTHS + 1) * YEAR_WEEKS / MONTHS)
        out["silent_prob"] = np.round(silent, 6)[place]
        out["alive_prob"] = np.round(orders.alive_probability(model, theta, seen), 6)[place]
        out["expected_orders_12m"] = np.round(months[:, -1], 4)[place]
        if value.NAME in fits:
            worth = value.expected(fits[value.NAME], facts["valued_repeats"], facts["repeat_value"])
            out["order_value"] = np.round(worth, 2)
            out["revenue_12m"] = np.round(worth * months[:, -1][place], 2)
            if settings.margin is not None and settings.discount_rate is not None:
                today = discounted(months, settings.discount_rate)
                out["clv_12m"] = np.round(settings.margin * worth * today[place], 2)
    columns = {name: pa.array(values, mask=np.isnan(values)) for name, values in out.items()}
    return pa.table({"customer_id": rhythms.column("customer_id")} | columns)


def discounted(orders_by_month: Floats, rate: float) -> Floats:
    """Expected orders until the end of month 1 to 12, shape (m, 12) -> orders in the worth of today, by mid-month."""
    middle = (np.arange(MONTHS) + 0.5) / MONTHS
    return np.asarray(np.diff(orders_by_month, prepend=0.0, axis=1) @ (1 + rate) ** -middle)


def score_contracts(settings: Settings, fits: dict[str, Floats], spells: Any) -> Any:
    """Arrow rows of running `contract_spells` -> Arrow rows (customer_id, end_prob).

    A declared end is no guess: 1 within the horizon, 0 after it. Others by the fit; null without one.
    """
    import pyarrow as pa

    facts = Columns(spells)
    declared = facts["ends_in_days"]
    theta = fits.get(contract.NAME)
    found = np.full(len(facts), np.nan)
    if theta is not None:
        found = np.round(
            contract.end_probability(theta, facts["started_days"] / 7, settings.horizon_weeks), 6
        )
    found = np.where(np.isnan(declared), found, (declared <= settings.horizon_days).astype(float))
    return pa.table(
        {"customer_id": spells.column("customer_id"), "end_prob": pa.array(found, mask=np.isnan(found))}
    )


def score_renewals(settings: Settings, fits: dict[str, Floats], prices: Any) -> Any:
    """Arrow rows of `subscription_prices` that run -> Arrow rows (customer_id, revenue_12m, clv_12m) by subscription.

    Null without a price, and where neither an end is declared nor a law of tenures in force.
    """
    import pyarrow as pa

    facts = Columns(prices)
    theta = fits.get(contract.NAME) if renewals.NAME in fits else None
    price, tenure, end = facts["price"], facts["spell_days"] / 7, facts["ends_in_days"]
    dues = renewals.due_days(
        facts["next_due_days"], facts["period_months"], facts["period_days"], renewals.YEAR
    )
    revenue = np.round(price * renewals.expected_payments(theta, tenure, dues, end), 2)
    worth = np.full(len(facts), np.nan)
    if settings.margin is not None and settings.discount_rate is not None:
        today = renewals.expected_payments(theta, tenure, dues, end, settings.discount_rate)
        worth = np.round(settings.margin * price * today, 2)
    return pa.table(
        {
            "customer_id": prices.column("customer_id"),
            "revenue_12m": pa.array(revenue, mask=np.isnan(revenue)),
            "clv_12m": pa.array(worth, mask=np.isnan(worth)),
        }
    )
