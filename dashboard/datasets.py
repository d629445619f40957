"""What the dashboard asks the published file: one query a dataset, each with the columns that it answers with.

Nothing is computed here that a mart does not say; every score comes with its sample size and interval.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """One query. `columns`: name -> type, as Superset is told; `time` is the column that a time filter acts on."""

    name: str
    description: str
    sql: str
    columns: Mapping[str, str]
    time: str | None = None


KPIS = Dataset(
    "cdp_customers_by_month",
    "Customers, orders and revenue of each calendar month that is over.",
    """
select month_start, active_customers, new_customers, reactivated, lost, orders, revenue, repeat_rate
from marts.kpis
where is_complete
""",
    {
        "month_start": "DATE", "active_customers": "BIGINT", "new_customers": "BIGINT", "reactivated": "BIGINT",
        "lost": "BIGINT", "orders": "BIGINT", "revenue": "DECIMAL", "repeat_rate": "DOUBLE",
    },
    "month_start",
)  # fmt: skip

NPS = Dataset(
    "cdp_nps_by_month",
    "NPS of each month with its 95 % interval and the number of answers.",
    """
select question, month_start, n, nps, ci_low, ci_high, enough_n, response_rate, change_significant
from marts.cx_nps_monthly
where nps is not null
""",
    {
        "question": "VARCHAR", "month_start": "DATE", "n": "BIGINT", "nps": "DOUBLE", "ci_low": "DOUBLE",
        "ci_high": "DOUBLE", "enough_n": "BOOLEAN", "response_rate": "DOUBLE", "change_significant": "BOOLEAN",
    },
    "month_start",
)  # fmt: skip

TOUCHPOINTS = Dataset(
    "cdp_scores_by_touchpoint",
    "NPS, CSAT (share of satisfied) and CES by touchpoint and quarter, with 95 % interval and number of answers.",
    """
select
    metric, question, dimension_value as touchpoint, period_start as quarter_start,
    n, score, ci_low, ci_high, enough_n
from marts.cx_scores
where period = 'quarter' and dimension = 'touchpoint' and score is not null
""",
    {
        "metric": "VARCHAR", "question": "VARCHAR", "touchpoint": "VARCHAR", "quarter_start": "DATE",
        "n": "BIGINT", "score": "DOUBLE", "ci_low": "DOUBLE", "ci_high": "DOUBLE",
        "enough_n": "BOOLEAN",
    },
    "quarter_start",
)  # fmt: skip

CHURN = Dataset(
    "cdp_churn_risk",
    "Customers by the chance that they do not buy within the horizon, and what they are expected to be worth.",
    """
select
    case
        when churn_prob is null then 'not judged'
        when churn_prob >= 0.75 then '75-100 %'
        when churn_prob >= 0.5 then '50-75 %'
        when churn_prob >= 0.25 then '25-50 %'
        else '0-25 %'
    end as churn_band,
    lifecycle, rfm_segment, count(*) as customers, sum(revenue) as revenue, sum(clv_12m) as clv_12m
from marts.customer_360
where profile_kind = 'customer'
group by all
""",
    {
        "churn_band": "VARCHAR", "lifecycle": "VARCHAR", "rfm_segment": "VARCHAR", "customers": "BIGINT",
        "revenue": "DECIMAL", "clv_12m": "DECIMAL",
    },
)  # fmt: skip

CASES = Dataset(
    "cdp_open_cases",
    "Customers who wait for us: open cases by touchpoint and owner, and the revenue of their last twelve months.",
    """
select
    coalesce(touchpoint, 'none') as touchpoint, coalesce(owner, 'nobody') as owner,
    case when is_overdue then 'overdue' else 'in time' end as deadline,
    count(*) as cases, sum(value_at_risk) as value_at_risk
from marts.cx_cases
where is_open
group by all
""",
    {
        "touchpoint": "VARCHAR", "owner": "VARCHAR", "deadline": "VARCHAR", "cases": "BIGINT",
        "value_at_risk": "DECIMAL",
    },
)  # fmt: skip

AUDIENCES = Dataset(
    "cdp_audiences",
    "Who is in each audience now; those held out get nothing, to measure what the rest gets.",
    """
select
    audience, case when is_holdout then 'held out' else 'treated' end as part, count(*) as members
from marts.audience_members
group by all
""",
    {"audience": "VARCHAR", "part": "VARCHAR", "members": "BIGINT"},
)

EXPORTS = Dataset(
    "cdp_exports",
    "The last time each sync sent: a publish comes before the exports of its run, so this is the run before.",
    """
select
    sync, destination, purpose, status, started_at, source_rows, acked, unchanged, excluded as not_allowed, rejected
from exports.runs
qualify row_number() over (partition by sync order by started_at desc, run_id desc) = 1
""",
    {
        "sync": "VARCHAR", "destination": "VARCHAR", "purpose": "VARCHAR", "status": "VARCHAR",
        "started_at": "TIMESTAMP", "source_rows": "BIGINT", "acked": "BIGINT", "unchanged": "BIGINT",
        "not_allowed": "BIGINT", "rejected": "BIGINT",
    },
    "started_at",
)  # fmt: skip

FRESHNESS = Dataset(
    "cdp_freshness",
    "When each source delivered last, and whether it keeps what it promised; asked of the clock when you look.",
    """
select
    source, delivered_at, promised_minutes / 60.0 as promised_hours, fresh_until,
    case
        when promised_minutes is null then 'no promise'
        when fresh_until < now()::timestamp then 'late'
        else 'fresh'
    end as state
from ops.freshness
where file = (select min(file) from ops.freshness)
""",
    {
        "source": "VARCHAR", "delivered_at": "TIMESTAMP", "promised_hours": "DOUBLE", "fresh_until": "TIMESTAMP",
        "state": "VARCHAR",
    },
    "delivered_at",
)  # fmt: skip

RUNS = Dataset(
    "cdp_runs",
    "The runs: how each ended, and how long it took.",
    """
select
    run_id, command, started_at, status, exit_code, date_diff('second', started_at, finished_at) as seconds
from ops.runs
where finished_at is not null
""",
    {
        "run_id": "VARCHAR", "command": "VARCHAR", "started_at": "TIMESTAMP", "status": "VARCHAR",
        "exit_code": "INTEGER", "seconds": "BIGINT",
    },
    "started_at",
)  # fmt: skip

DATASETS = (KPIS, NPS, TOUCHPOINTS, CHURN, CASES, AUDIENCES, EXPORTS, FRESHNESS, RUNS)
