"""What the models in force say of each customer; recomputed for all at each build from fits, facts and as_of.

Grain: one row per customer with a purchase (part = orders), one per customer with a running subscription (part = contract), and
one per running subscription with a price (part = renewal).
"""

from typing import Any


def model(dbt: Any, session: Any) -> Any:
    """Rhythms, running spells and prices, `model_runs` -> silent_prob, orders, revenue, clv; end_prob; revenue, clv."""
    import pyarrow as pa

    from scoring.prediction.scores import (
        parameters_in_force,
        score_contracts,
        score_customers,
        score_renewals,
    )
    from scoring.prediction.settings import settings_of

    dbt.config(materialized="table", schema="customer")
    # each ref stands alone: dbt does not see one inside a chain of calls
    clock = dbt.ref("prediction_clock")
    runs = dbt.ref("model_runs")
    rhythms = dbt.ref("order_rhythms")
    spells = dbt.ref("contract_spells")
    prices = dbt.ref("subscription_prices")
    settings = settings_of(clock.to_arrow_table().to_pylist()[0])
    fits = parameters_in_force(runs.filter("part = 'parameter'").to_arrow_table().to_pylist())
    orders = score_customers(settings, fits, rhythms.to_arrow_table())
    contracts = score_contracts(settings, fits, spells.filter("is_running").to_arrow_table())
    running = prices.filter("is_running and price is not null").to_arrow_table()
    renewals = score_renewals(settings, fits, running)
    parts = [
        table.append_column("part", pa.array([part] * table.num_rows, pa.string()))
        for part, table in (("orders", orders), ("contract", contracts), ("renewal", renewals))
    ]
    return pa.concat_tables(parts, promote_options="default")
