"""A published file with small marts of every table the report reads, and people's values as canaries."""

from pathlib import Path

import duckdb

from cli.config import Company
from tests.ops_company import CONFIG, make_company

CANARIES = ("canary.person@example.com", "+84901234567", "Canary Nguyen", "c-canary-1", "canary said this")
NOTICE = "Simulated data: made up for a test"
MARTS = """
create schema ops; create schema exports;
create table ops.published as select
    'marts.duckdb' as file, '20260630T120000Z-abc123' as run_id,
    timestamp '2026-06-30 12:05:00' as published_at,
    unnest(['marts.customer_360', 'marts.orders']) as table_name,
    3::bigint as row_count;
create table ops.runs as select
    '20260630T120000Z-abc123' as run_id, timestamp '2026-06-30 12:00:00' as as_of, 'succeeded' as status;
create table ops.freshness as select
    'marts.duckdb' as file, 'crm' as source, timestamp '2026-06-30 11:00:00' as fresh_until;
create table ops.load_counts (
    run_id varchar, source varchar, table_name varchar, load_id varchar, load_seq bigint, received hugeint,
    loaded bigint, duplicates bigint, quarantined bigint, suppressed bigint
);
insert into ops.load_counts values
    ('r', 'crm', 'contacts', '1.1', 1, 100, 90, 7, 3, 0), ('r', 'crm', 'contacts', '1.2', 2, 50, 50, 0, 0, 0),
    ('r', 'shop', 'orders', '1.3', 1, 1000, 1000, 0, 0, 0);
create table ops.quality_results as select * from (values
    ('r1', 'old_check', 'marts.orders', 'warning', false, 1.0, '0', timestamp '2026-06-29 12:00:00'),
    ('r2', 'volume', 'marts.orders', 'warning', false, 0.42, 'at least 0.5', timestamp '2026-06-30 12:00:00'),
    ('r2', 'key_null_share', 'marts.orders', 'critical', true, 0.0, '0', timestamp '2026-06-30 12:00:00')
) as t (run_id, check_name, table_name, severity, passed, measured, threshold, checked_at);
create table customer_360 as select
    'c-canary-1' as customer_id, kind as profile_kind, 'Canary Nguyen' as full_name,
    'canary.person@example.com' as email, '+84901234567' as phone, 2::bigint as orders,
    cast(150000 as decimal(18, 2)) as revenue, 1::bigint as open_tickets
    from (values ('customer'), ('customer'), ('lead')) as t (kind);
create table anonymous_profiles as select 'd' || range as device_id from range(7);
create table orders as select
    'o' || range as order_id, 'c-canary-1' as customer_id, range < 5 as is_purchase,
    cast(50000 as decimal(18, 2)) as revenue from range(6);
create table feedback as select
    'f' || range as feedback_id, 'ease' as question, cast(1 + range % 7 as integer) as oriented_score,
    'canary said this' as text from range(70);
create table cx_scores (
    metric varchar, question varchar, period varchar, period_start date, dimension varchar,
    dimension_value varchar, n bigint, score double, ci_low double, ci_high double, enough_n boolean,
    response_rate double, change_significant boolean
);
insert into cx_scores values
    ('nps', 'recommend', 'all', null, 'all', 'all', 2746, 39.84, 36.9, 42.8, true, 0.25, null),
    ('csat', 'happy', 'all', null, 'all', 'all', 12, 0.75, 0.47, 0.91, false, null, null),
    ('ces', 'ease', 'all', null, 'all', 'all', 70, 5.25, 4.9, 5.6, true, null, null),
    ('rating', 'stars', 'all', null, 'all', 'all', 1, 4.0, null, null, false, null, null),
    ('csat', 'happy', 'all', null, 'touchpoint', 'delivery <b>', 40, 0.5, 0.35, 0.65, true, null, null),
    ('csat', 'happy', 'all', null, 'touchpoint', 'canary.person@example.com', 5, 0.6, 0.2, 0.9, false, null,
        null),
    ('nps', 'recommend', 'month', date '2026-05-01', 'all', 'all', 20, 10, -20, 40, false, null, null),
    ('nps', 'recommend', 'month', date '2026-06-01', 'all', 'all', 90, 44, 30, 58, true, null, true);
create table kpis as select
    cast(month as date) as month_start, month < '2026-06-01' as is_complete, 10::bigint as active_customers,
    3::bigint as new_customers, 1::bigint as reactivated, 2::bigint as lost, 12::bigint as orders,
    cast(1234567 as decimal(18, 2)) as revenue, cast(123456 as decimal(18, 2)) as revenue_per_active,
    0.25::double as repeat_rate from (values ('2026-04-01'), ('2026-05-01'), ('2026-06-01')) as t (month);
create table retention_cohorts as select
    cast(cohort as date) as cohort_month, age::integer as age_months, 20::bigint as cohort_size,
    mature as is_mature, case when mature then active end::bigint as active,
    case when mature then active / 20.0 end::double as share
    from (values
        ('2026-04-01', 0, true, 20), ('2026-04-01', 1, true, 9), ('2026-04-01', 2, false, 3),
        ('2026-05-01', 0, true, 20), ('2026-05-01', 1, false, 4), ('2026-05-01', 2, false, null)
    ) as t (cohort, age, mature, active);
create table customer_records as select
    'crm.contacts:' || range as record_id, 'contact' as entity, 'crm' as source,
    'c' || (range // 2) as customer_id
    from range(8);
create table identity_quarantine as select
    'email::canary.person@example.com' as value_key, 'email' as type, 'canary.person@example.com' as value,
    'role mailbox' as reason, 14::bigint as records;
create table identity_cuts as select
    'c-canary-1' as customer_id, 'c-canary-2' as other_customer_id, 'contradictory birth dates' as reason,
    'phone' as strongest_link, 1::bigint as links;
create table customer_redirects as select 'c-old' as old_customer_id, 'c-canary-1' as new_customer_id;
create table exports.runs as select
    'calls' as sync, run_id, 'call_list' as destination, 'service_recovery' as purpose,
    'sent' as status,
    null::varchar as reason, begun as started_at, added::bigint as added,
    0::bigint as changed, 0::bigint as removed,
    0::bigint as retried, 4::bigint as unchanged, 2::bigint as excluded, '{"no_basis": 2}' as exclusions,
    added::bigint as acked, 0::bigint as rejected, 0::bigint as unanswered
    from (values ('r1', timestamp '2026-06-01 00:00:00', 99), ('r2', timestamp '2026-06-02 00:00:00', 7))
        as t (run_id, begun, added);
create table exports.deliveries as select
    'calls' as sync, 'c-canary-1' as key, 'c-canary-1' as customer_id, 'upsert' as operation,
    'rejected' as status,
    'refused for +84 901 234 567' as reason, uuid() as idempotency_key, 'r2' as run_id,
    timestamp '2026-06-02 00:00:05' as sent_at from range(3);
"""


def published(folder: Path, notice: str | None = NOTICE, sql: str = MARTS) -> Company:
    """A company of which only the published file exists."""
    extra = (
        f"reporting: {{currency: VND, notice: '{notice}'}}\n" if notice else "reporting: {currency: VND}\n"
    )
    company = make_company(folder, CONFIG + extra)
    company.published.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(company.published)) as con:
        con.execute(sql)
    return company
