"""Fits of the prediction models. Memory: append-only, a full refresh keeps it; a week and its settings have one fit.

Grain: one row per model, attempt and parameter (part = parameter), or per model, attempt and decile of its back-test
(part = backtest).
"""

from typing import Any

ATTEMPTS = "select distinct model, week_start, settings, refused_because, lacks_data, fit_seq from {} where part = 'parameter'"


def model(dbt: Any, session: Any) -> Any:
    """Rhythms, spells, prices and the earlier attempts -> rows of new attempts, none in a week that has its fits."""
    from scoring.prediction.fits import fit_models, needed
    from scoring.prediction.runs import schema
    from scoring.prediction.settings import settings_of

    dbt.config(
        materialized="incremental",
        incremental_strategy="append",
        full_refresh=False,
        on_schema_change="append_new_columns",
        schema="customer",
    )
    # each ref stands alone: dbt does not see one inside a chain of calls
    clock = dbt.ref("prediction_clock")
    rhythms = dbt.ref("order_rhythms")
    spells = dbt.ref("contract_spells")
    prices = dbt.ref("subscription_prices")
    settings = settings_of(clock.to_arrow_table().to_pylist()[0])
    before = []
    if dbt.is_incremental:
        before = session.query(ATTEMPTS.format(dbt.this)).to_arrow_table().to_pylist()
    has_prices = bool(prices.filter("price is not null").limit(1).fetchall())
    models = needed(settings, before, bool(spells.limit(1).fetchall()), has_prices)
    if not models:
        return schema().empty_table()
    facts = [table.to_arrow_table() for table in (rhythms, spells)]
    return fit_models(settings, models, *facts, before, prices.to_arrow_table())
