"""What a customer costs by channel and campaign: the SQL of the models over made paths and spend, against pandas.

No dbt: the models' text runs in DuckDB over frames. Weights are worked out here from the paths, not read from the model.
"""

from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.macros import model_sql

CHANNELS = ("email", "paid_search", "direct", "display")
CAMPAIGNS = {"email": "news", "paid_search": "brand", "display": "cp9"}
RATES = {"USD": 1.0, None: 1.0, "EUR": 1.25}


def paths(rng: np.random.Generator) -> pd.DataFrame:
    """One row per touch of 600 conversions: 500 first ones, some of nobody known, some without a touch."""
    rows = []
    for number in range(600):
        moment = pd.Timestamp("2026-01-01") + pd.Timedelta(hours=int(rng.integers(0, 24 * 110)))
        path = rng.choice(CHANNELS, int(rng.integers(0, 5)), p=[0.2, 0.3, 0.4, 0.1]).tolist()
        real = [at for at, channel in enumerate(path) if channel != "direct"] or [len(path) - 1]
        base = {"conversion_id": f"o{number}", "converted_at": moment, "is_first": number < 500}
        base["customer_id"] = f"c{number}" if number % 10 else None
        for at, channel in enumerate(path or ["unattributed"]):
            rows.append(
                base
                | {"channel": channel, "utm_campaign": CAMPAIGNS.get(channel), "first_weight": int(at == 0)}
                | {"last_non_direct_weight": int(not path or at == real[-1])}
                | {"linear_weight": Fraction(1, max(len(path), 1))}
            )
    return pd.DataFrame(rows)


def spends(rng: np.random.Generator) -> pd.DataFrame:
    """Three months of spend; in February a part of the search money is in a currency without a rate."""
    rows = []
    for number in range(60):
        channel, campaign = [("mail", "CP1"), ("search", "brand"), ("display", "CP9"), ("radio", None)][
            number % 4
        ]
        day = pd.Timestamp("2026-01-01") + pd.Timedelta(days=int(rng.integers(0, 88)))
        currency = [None, "USD", "EUR"][int(rng.integers(0, 3))]
        rows.append((channel, campaign, day, float(rng.integers(100, 9999)) / 100, currency))
    rows.append(("search", "brand", pd.Timestamp("2026-02-03"), 5.0, "XTS"))
    return pd.DataFrame(rows, columns=["channel", "campaign_id", "spent_on", "amount", "currency"])


@pytest.mark.parametrize("seed", [1, 2])
def test_costs_by_channel_and_campaign_are_those_of_paths_and_spend(seed: int) -> None:
    """Every row: numerator, denominator, quotient, reason; and no customer or amount is lost or counted twice."""
    rng = np.random.default_rng(seed)
    touched, paid = paths(rng), spends(rng)
    con = duckdb.connect()
    con.register("made_attribution", touched.assign(linear_weight=touched.linear_weight.map(float)))
    con.register("made_spends", paid)
    con.execute(
        "create table attribution as select * replace (cast(linear_weight as decimal(18, 12)) as linear_weight)"
        " from made_attribution"
    )
    con.execute(
        "create table stg_spends as select *, 'r' || row_number() over () as record_id, 'ads' as source,"
        " null::varchar as variant from (select * replace (spent_on::date as spent_on, amount::decimal(18, 2) as amount)"
        " from made_spends)"
    )
    con.execute(
        "create table config_web_words as select * from (values ('spend_channel', 'mail', 'email'),"
        " ('spend_channel', 'search', 'paid_search'), ('medium', 'radio', 'x')) as t(kind, word, meaning)"
    )
    con.execute(
        "create table reporting_rates as select 'EUR' as currency, unnest(generate_series(date '2026-01-01',"
        " date '2026-04-30', interval 1 day))::date as day, 1.25::decimal(20, 12) as rate"
    )
    con.execute("create table stg_campaigns as select 'm' as source, 'CP1' as campaign_id, 'News' as name")
    con.execute("create table sessions as select distinct utm_campaign from attribution")
    con.execute("create table run_clock as select timestamp '2026-04-10 00:00:00' as as_of")
    for name in ("int_marketing__spends", "acquisition_costs_by_channel"):
        con.execute(f"create table {name} as {model_sql(f'marts/marketing/{name}.sql')}")
    found = con.execute(
        "select model, level, value, month_start, spend_rows, spend::double as spend,"
        " new_customers::double as new_customers, cost_per_new_customer::double as cost_per_new_customer,"
        " missing_because, enough_n from acquisition_costs_by_channel"
    ).df()
    found = found.set_index(["model", "level", "value", "month_start"]).sort_index()

    first = touched[touched.is_first & touched.customer_id.notna() & (touched.converted_at <= "2026-04-10")]
    first = first.assign(month=first.converted_at.dt.to_period("M").dt.to_timestamp())
    named = paid.assign(
        month=paid.spent_on.dt.to_period("M").dt.to_timestamp(),
        worth=paid.amount * paid.currency.map(RATES).where(paid.currency.notna(), 1.0),
        channel=paid.channel.replace({"mail": "email", "search": "paid_search"}),
        utm_campaign=paid.campaign_id.replace({"CP1": "news", "CP9": "cp9"}),
    )
    assert len(found) == len(found.index.unique()) > 60
    for model in ("first", "last_non_direct", "linear"):
        weight = f"{model}_weight"
        for level, column in (("channel", "channel"), ("campaign", "utm_campaign")):
            won = first[first[weight] > 0].groupby([column, "month"])[weight].sum()
            cost = named.groupby([column, "month"]).worth.agg(lambda worth: worth.sum(skipna=False))
            rows = named.groupby([column, "month"]).size()
            keys = set(won.index) | set(cost.index)
            mine = found.xs((model, level)).to_dict("index")
            assert set(mine) == keys
            for key in keys:
                row, n = mine[key], float(won.get(key, 0))
                spend = cost.get(key, np.nan)
                why = "no spend" if key not in rows.index else "no rate" if np.isnan(spend) else None
                why = why or (None if n else "no new customer")
                assert row["spend_rows"] == rows.get(key, 0)
                assert row["new_customers"] == pytest.approx(n, abs=1e-9)
                assert row["spend"] == pytest.approx(spend, abs=0.02, nan_ok=True)
                assert (row["missing_because"] if isinstance(row["missing_because"], str) else None) == why
                assert row["enough_n"] == (n >= 30)
                wanted = spend / n if why is None else np.nan
                assert row["cost_per_new_customer"] == pytest.approx(wanted, abs=0.01, rel=1e-4, nan_ok=True)
        whole = found.xs((model, "channel")).new_customers.sum()
        assert whole == pytest.approx(first.conversion_id.nunique(), abs=1e-6)
