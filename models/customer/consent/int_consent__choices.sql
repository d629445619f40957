-- Grain: one row per device, category, contact points and person of a choice in a consent banner, as it stands on that device: since when
-- it has been yes, or no. Every event repeats the choice, so it is dated by the first event that shows it; of both at once, no holds.
with

categories as (
    select
        name as category,
        text as purpose
    from {{ ref('config_send_rules') }}
    where kind = 'category'
),

names as (
    select distinct category from categories
),

shown as (
    select
        events.record_id,
        events.source,
        events.load_seq,
        events.node_id,
        events.email,
        events.phone,
        events.occurred_at,
        owners.customer_id,
        owners.device_id,
        names.category,
        case lower({{ json_named('events.consent', 'names.category') }})
            when 'true' then 'granted' when 'false' then 'denied'
        end as state
    from names
    inner join {{ ref('stg_events') }} as events on events.consent is not null
    inner join {{ ref('event_owners') }} as owners on events.record_id = owners.record_id
),

turns as (
    select
        device_id,
        category,
        max(case when state = 'granted' then occurred_at end) as last_granted_at,
        max(case when state = 'denied' then occurred_at end) as last_denied_at
    from shown
    group by device_id, category
),

standing as (
    select
        shown.*,
        row_number() over (
            partition by
                shown.device_id, shown.category, shown.customer_id, shown.node_id, shown.email, shown.phone
            order by shown.occurred_at, shown.record_id
        ) as place
    from shown
    inner join turns on shown.device_id = turns.device_id and shown.category = turns.category
    where
        (shown.state = 'denied' and coalesce(shown.occurred_at >= turns.last_granted_at, true))
        or (shown.state = 'granted' and coalesce(shown.occurred_at > turns.last_denied_at, true))
),

final as (
    select
        standing.record_id,
        standing.source,
        standing.load_seq,
        standing.device_id,
        standing.category,
        standing.customer_id,
        standing.node_id,
        standing.email,
        standing.phone,
        categories.purpose,
        standing.state,
        standing.occurred_at,
        'consent banner, category ' || standing.category as proof
    from standing
    inner join categories on standing.category = categories.category
    where standing.place = 1
)

select * from final
