{{ config(schema='customer') }}
-- Grain: one row per customer with a purchase in the RFM window, with the scores that the stored thresholds give.
with

measures as (
    select * from {{ ref('customer_rfm_measures') }}
),

bounds as (
    select
        month_start,
        window_months,
        max(case when measure = 'recency' and score = 2 then upper_bound end) as recency_2,
        max(case when measure = 'recency' and score = 3 then upper_bound end) as recency_3,
        max(case when measure = 'recency' and score = 4 then upper_bound end) as recency_4,
        max(case when measure = 'recency' and score = 5 then upper_bound end) as recency_5,
        max(case when measure = 'frequency' and score = 2 then lower_bound end) as frequency_2,
        max(case when measure = 'frequency' and score = 3 then lower_bound end) as frequency_3,
        max(case when measure = 'frequency' and score = 4 then lower_bound end) as frequency_4,
        max(case when measure = 'frequency' and score = 5 then lower_bound end) as frequency_5,
        max(case when measure = 'monetary' and score = 2 then lower_bound end) as monetary_2,
        max(case when measure = 'monetary' and score = 3 then lower_bound end) as monetary_3,
        max(case when measure = 'monetary' and score = 4 then lower_bound end) as monetary_4,
        max(case when measure = 'monetary' and score = 5 then lower_bound end) as monetary_5
    from {{ ref('rfm_thresholds') }}
    where computed_at is not null
    group by month_start, window_months
),

-- a score that nobody had has no bound, and no value reaches it
final as (
    select
        measures.customer_id,
        cast({{ days_between('measures.last_order_on', local_date('measures.as_of')) }} as double) as recency_days,
        measures.frequency,
        measures.monetary,
        measures.computed_at as thresholds_at,
        cast(
            case
                when measures.recency_days <= bounds.recency_5 then 5
                when measures.recency_days <= bounds.recency_4 then 4
                when measures.recency_days <= bounds.recency_3 then 3
                when measures.recency_days <= bounds.recency_2 then 2
                else 1
            end as {{ sql_type('int') }}
        ) as recency_score,
        cast(
            case
                when measures.frequency >= bounds.frequency_5 then 5
                when measures.frequency >= bounds.frequency_4 then 4
                when measures.frequency >= bounds.frequency_3 then 3
                when measures.frequency >= bounds.frequency_2 then 2
                else 1
            end as {{ sql_type('int') }}
        ) as frequency_score,
        cast(
            case
                when measures.monetary is null then null
                when measures.monetary >= bounds.monetary_5 then 5
                when measures.monetary >= bounds.monetary_4 then 4
                when measures.monetary >= bounds.monetary_3 then 3
                when measures.monetary >= bounds.monetary_2 then 2
                else 1
            end as {{ sql_type('int') }}
        ) as monetary_score
    from measures
    inner join bounds on measures.month_start = bounds.month_start and measures.window_months = bounds.window_months
)

select * from final
