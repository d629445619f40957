{{ config(schema='customer') }}
-- Grain: one row per customer and product bought in recommendations.window_months to as_of; place 1 is what they buy most often.
with

settings as (
    select recommendations_window_months as window_months from {{ ref('config_commerce') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

bought as (
    select
        lines.customer_id,
        lines.product_key,
        lines.order_key,
        lines.ordered_at
    from {{ ref('order_lines') }} as lines
    cross join clock
    cross join settings
    where
        lines.is_paid
        -- given away or taken back is no sign of liking
        and lines.net_amount > 0
        and lines.customer_id is not null
        and lines.product_key is not null
        and lines.ordered_at <= clock.as_of
        and lines.ordered_at > {{ time_before('clock.as_of', 'settings.window_months', 'months') }}
),

counted as (
    select
        customer_id,
        product_key,
        count(distinct order_key) as orders,
        max(ordered_at) as last_bought_at
    from bought
    group by customer_id, product_key
),

final as (
    select
        customer_id,
        product_key,
        orders,
        last_bought_at,
        row_number() over (
            partition by customer_id order by orders desc, last_bought_at desc, product_key
        ) as place
    from counted
)

select * from final
