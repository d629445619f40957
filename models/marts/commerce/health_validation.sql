-- Grain: one row: how well the health score of health.horizon_days ago told who bought since.
-- AUC is the chance that somebody who bought had the higher score (Mann-Whitney, ties by half), with the 95 % interval of
-- Hanley and McNeil 1982. Validated: enough of both kinds, and the interval lies above chance.
with

settings as (
    select
        cast(health_horizon_days as {{ sql_type('int') }}) as horizon_days,
        {{ var('min_sample') }} as min_outcomes
    from {{ ref('config_commerce') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

scored as (
    select
        customer_id,
        health,
        recency
    from {{ ref('customer_health_components') }}
    where moment = 'before' and health is not null
),

bought as (
    select distinct orders.customer_id
    from {{ ref('orders') }} as orders
    cross join clock
    cross join settings
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_at <= clock.as_of
        and orders.ordered_at > {{ time_before('clock.as_of', 'settings.horizon_days', 'days') }}
),

ranked as (
    select
        bought.customer_id is not null as has_bought,
        rank() over (order by scored.health) + (count(*) over (partition by scored.health) - 1) / 2.0 as place,
        rank() over (order by coalesce(scored.recency, -1))
        + (count(*) over (partition by coalesce(scored.recency, -1)) - 1) / 2.0 as recency_place
    from scored
    left join bought on scored.customer_id = bought.customer_id
),

counted as (
    select
        cast(count(*) as double) as n,
        cast(count(*) filter (where has_bought) as double) as yes,
        cast(count(*) filter (where not has_bought) as double) as no,
        sum(case when has_bought then place end) as places,
        sum(case when has_bought then recency_place end) as recency_places
    from ranked
),

measured as (
    select
        n,
        yes,
        no,
        case when yes > 0 and no > 0 then (places - yes * (yes + 1) / 2) / (yes * no) end as auc,
        case when yes > 0 and no > 0 then (recency_places - yes * (yes + 1) / 2) / (yes * no) end as auc_recency
    from counted
),

spread as (
    select
        *,
        {{ cx_z() }} * sqrt(
            (
                auc * (1 - auc)
                + (yes - 1) * (auc / (2 - auc) - auc * auc)
                + (no - 1) * (2 * auc * auc / (1 + auc) - auc * auc)
            ) / (yes * no)
        ) as half_width
    from measured
),

judged as (
    select
        *,
        greatest(0, auc - half_width) as auc_low,
        least(1, auc + half_width) as auc_high
    from spread
),

final as (
    select
        {{ time_before('clock.as_of', 'settings.horizon_days', 'days') }} as scored_at,
        settings.horizon_days,
        cast(judged.n as bigint) as n,
        cast(judged.yes as bigint) as bought,
        case when judged.n > 0 then judged.yes / judged.n end as base_rate,
        judged.auc,
        judged.auc_low,
        judged.auc_high,
        judged.auc_recency,
        judged.yes >= settings.min_outcomes
        and judged.no >= settings.min_outcomes
        and judged.auc_low > 0.5 as is_validated,
        case
            when judged.n = 0 then 'nobody had bought by then'
            when judged.yes < settings.min_outcomes
                then 'fewer than {{ var("min_sample") }} of them bought in the period'
            when judged.no < settings.min_outcomes
                then 'fewer than {{ var("min_sample") }} of them did not buy in the period'
            when judged.auc_low <= 0.5 then 'no better than chance: the interval holds 0.5 or lies below'
        end as unvalidated_because
    from judged
    cross join clock
    cross join settings
)

select * from final
