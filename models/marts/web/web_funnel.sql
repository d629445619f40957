-- Grain: one row per day, brand, channel, kind of device and step; robots left out.
-- A session passes a step when it did that and every step before, in any order: trackers send in bursts.
{% set steps = ['visit', 'product_viewed', 'product_added', 'checkout_started', 'purchased'] %}
with

sessions as (
    select
        started_on as day,
        coalesce(brand, '') as brand,
        coalesce(channel, 'unknown') as channel,
        coalesce(device_type, 'unknown') as device_type,
        product_views,
        cart_adds,
        checkouts,
        purchases
    from {{ ref('sessions') }}
    where not is_bot
),

-- one reading of all sessions, then one row a step
counted as (
    select
        day,
        brand,
        channel,
        device_type,
        count(*) as sessions,
        count(*) as did_1,
        count(*) as passed_1,
        count(*) filter (where product_views > 0) as did_2,
        count(*) filter (where product_views > 0) as passed_2,
        count(*) filter (where cart_adds > 0) as did_3,
        count(*) filter (where product_views > 0 and cart_adds > 0) as passed_3,
        count(*) filter (where checkouts > 0) as did_4,
        count(*) filter (where product_views > 0 and cart_adds > 0 and checkouts > 0) as passed_4,
        count(*) filter (where purchases > 0) as did_5,
        count(*) filter (where product_views > 0 and cart_adds > 0 and checkouts > 0 and purchases > 0) as passed_5
    from sessions
    group by day, brand, channel, device_type
),

stepped as (
    {% for step in steps %}
    select
        day,
        brand,
        channel,
        device_type,
        {{ loop.index }} as step_no,
        '{{ step }}' as step,
        sessions,
        did_{{ loop.index }} as did,
        passed_{{ loop.index }} as passed,
        {{ 'sessions' if loop.first else 'passed_' ~ (loop.index - 1) }} as passed_before
    from counted
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        day,
        brand,
        channel,
        device_type,
        step_no,
        step,
        sessions,
        did,
        passed,
        passed_before,
        passed * 1e0 / nullif(passed_before, 0) as step_rate,
        {{ share_low('passed', 'passed_before') }} as step_rate_low,
        {{ share_high('passed', 'passed_before') }} as step_rate_high,
        passed_before >= {{ var('min_sample') }} as enough_n
    from stepped
)

select * from final
