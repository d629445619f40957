{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='visitor_id',
    touched_sql=touched_visitors_sql(),
) }}
-- Grain: one row per cart: what a visitor (a customer on all devices, else a device) put together up to a purchase, or until nothing
-- was done with it for so long that it is lost. Nothing here depends on the hour of the run. Replaced are the carts of touched
-- visitors, of those whose order is theirs no more, or is another than it was, and all that hold foreign money (a late rate).
-- depends_on: {{ ref('touched') }} {{ ref('touched_conversions') }}
with

settings as (
    select
        abandoned_after_seconds,
        lost_after_seconds
    from {{ ref('config_web') }}
),

web_acts as (
    select
        record_id,
        coalesce(customer_id, device_id) as visitor_id,
        customer_id,
        occurred_at,
        event_no,
        action,
        product_id,
        quantity,
        price_worth as price
    from {{ ref('int_web__worth') }}
    where
        action in ('product_added', 'product_removed', 'cart_viewed', 'checkout_started', 'purchased')
        and not is_bot
        {% if is_incremental() %}and coalesce(customer_id, device_id) in ({{ touched_visitors_sql() }}){% endif %}
),

-- who never put anything into a cart has none to follow, whatever was bought
openers as (
    select distinct visitor_id
    from web_acts
    where action in ('product_added', 'checkout_started')
),

acts as (
    select * from web_acts
    where visitor_id in (select visitor_id from openers)
    union all
    -- an order of the web shop that no event reported ends the cart all the same
    select
        conversion_id as record_id,
        customer_id as visitor_id,
        customer_id,
        converted_at as occurred_at,
        0 as event_no,
        'purchased' as action,
        cast(null as {{ sql_type('string') }}) as product_id,
        1 as quantity,
        cast(null as decimal(18, 2)) as price
    from {{ ref('conversions') }}
    where
        visitor_id is null
        and is_web
        and customer_id in (select visitor_id from openers)
),

followed as (
    select
        *,
        lag(action) over (partition by visitor_id order by occurred_at, event_no, record_id) as previous_action,
        lag(occurred_at) over (partition by visitor_id order by occurred_at, event_no, record_id) as previous_at
    from acts
),

cut as (
    select
        followed.*,
        case
            when followed.previous_action is null or followed.previous_action = 'purchased' then 1
            when {{ seconds_between('followed.previous_at', 'followed.occurred_at') }} > settings.lost_after_seconds
                then 1
            else 0
        end as is_start,
        {{ seconds_between('followed.previous_at', 'followed.occurred_at') }} > settings.abandoned_after_seconds
            as is_return,
        settings.abandoned_after_seconds
    from followed
    cross join settings
),

numbered as (
    select
        *,
        sum(is_start) over (
            partition by visitor_id order by occurred_at, event_no, record_id
            rows between unbounded preceding and current row
        ) as cart_no
    from cut
),

opened as (
    select
        *,
        -- looking at an empty cart opens none
        max(case when action in ('product_added', 'checkout_started') then 1 else 0 end) over (
            partition by visitor_id, cart_no order by occurred_at, event_no, record_id
            rows between unbounded preceding and 1 preceding
        ) as was_open,
        case
            when action = 'product_added' then quantity
            when action = 'product_removed' then -quantity
            else 0
        end as change
    from numbered
),

products as (
    select
        visitor_id,
        cart_no,
        product_id
    from opened
    where product_id is not null
    group by visitor_id, cart_no, product_id
    having sum(change) > 0
),

lists as (
    select
        visitor_id,
        cart_no,
        {{ distinct_list('product_id') }} as products
    from products
    group by visitor_id, cart_no
),

summed as (
    select
        visitor_id,
        cart_no,
        max(customer_id) as customer_id,
        min(case when action in ('product_added', 'checkout_started') then occurred_at end) as opened_at,
        max(case when action <> 'purchased' then occurred_at end) as last_active_at,
        max(case when action = 'purchased' then occurred_at end) as bought_at,
        max(case when action = 'checkout_started' then occurred_at end) as checkout_at,
        min(case when is_start = 1 then record_id end) as first_record_id,
        count(*) filter (where action = 'product_added') as adds,
        count(*) filter (where action = 'product_removed') as removals,
        sum(cast(change as decimal(28, 6))) as units,
        case
            when count(*) filter (where change <> 0) > 0 and count(*) filter (where change <> 0 and price is null) = 0
                then sum(cast(cast(change as decimal(18, 6)) * price as decimal(28, 2)))
        end as amount,
        count(*) filter (where was_open = 1 and is_return and is_start = 0) as times_abandoned,
        min(
            case
                when was_open = 1 and is_return and is_start = 0
                    then {{ plus_seconds('previous_at', 'abandoned_after_seconds') }}
            end
        ) as first_abandoned_at
    from opened
    group by visitor_id, cart_no
),

final as (
    select
        'c_' || md5(summed.visitor_id || summed.first_record_id) as cart_id,
        summed.*,
        lists.products
    from summed
    left join lists on summed.visitor_id = lists.visitor_id and summed.cart_no = lists.cart_no
    where summed.opened_at is not null
)

select * from final
