-- Grain: one row per cart, with its state at the hour of the run (as_of).
with

carts as (
    select * from {{ ref('int_web__carts') }}
),

settings as (
    select
        abandoned_after_seconds,
        lost_after_seconds
    from {{ ref('config_web') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

aged as (
    select
        carts.*,
        {{ seconds_between('carts.last_active_at', 'clock.as_of') }} as idle_seconds,
        {{ plus_seconds('carts.last_active_at', 'settings.abandoned_after_seconds') }} as due_at,
        settings.abandoned_after_seconds,
        settings.lost_after_seconds,
        clock.as_of
    from carts
    cross join settings
    cross join clock
),

judged as (
    select
        *,
        case
            when bought_at is not null and times_abandoned > 0 then 'recovered'
            when bought_at is not null then 'bought'
            when adds > 0 and units <= 0 then 'emptied'
            when idle_seconds > lost_after_seconds then 'lost'
            when idle_seconds > abandoned_after_seconds then 'abandoned'
            else 'open'
        end as state
    from aged
),

final as (
    select
        cart_id,
        customer_id,
        case when customer_id is null then visitor_id end as device_id,
        state,
        opened_at,
        last_active_at,
        checkout_at,
        bought_at,
        cast(adds as bigint) as adds,
        cast(removals as bigint) as removals,
        cast(units as double) as units,
        cast(amount as decimal(18, 2)) as amount,
        products,
        cast(
            times_abandoned + case when state in ('abandoned', 'lost') then 1 else 0 end as bigint
        ) as times_abandoned,
        coalesce(first_abandoned_at, case when state in ('abandoned', 'lost') then due_at end) as first_abandoned_at,
        case when state in ('abandoned', 'lost') then due_at end as abandoned_since,
        case
            when state in ('abandoned', 'lost') then cast({{ seconds_between('due_at', 'as_of') }} / 3600 as double)
        end as hours_abandoned,
        case when state = 'recovered' then bought_at end as recovered_at
    from judged
)

select * from final
