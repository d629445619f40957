"""What the models in force say of each customer; recomputed for all at each build from fits, facts and as_of.

Grain: one row per customer with a purchase (part = orders), and one per customer with a running subscription (part = contract).
"""

from typing import Any


def model(dbt: Any, session: Any) -> Any:
    """`order_rhythms`, running `contract_spells` and `model_runs` -> silent_prob, orders, revenue, clv; end_prob."""
    import pyarrow as pa

    from scoring.prediction.scores import parameters_in_force, score_contracts, score_customers
    from scoring.prediction.settings import settings_of

    dbt.config(materialized="table", schema="customer")
    # each ref stands alone: dbt does not see one inside a chain of calls
    clock = dbt.ref("prediction_clock")
    runs = dbt.ref("model_runs")
    rhythms = dbt.ref("order_rhythms")
    spells = dbt.ref("contract_spells")
    settings = settings_of(clock.to_arrow_table().to_pylist()[0])
    fits = parameters_in_force(runs.filter("part = 'parameter'").to_arrow_table().to_pylist())
    orders = score_customers(settings, fits, rhythms.to_arrow_table())
    contracts = score_contracts(settings, fits, spells.filter("is_running").to_arrow_table())
    parts = [
        table.append_column("part", pa.array([part] * table.num_rows, pa.string()))
        for part, table in (("orders", orders), ("contract", contracts))
    ]
    return pa.concat_tables(parts, promote_options="default")
