-- Grain: one row per profile that stated preferences: its latest statement, whole.
with

preferences as (
    select * from {{ ref('stg_preferences') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

-- by the source's own time, then by delivery; the record's name makes the order total
ordered as (
    select
        owners.customer_id,
        preferences.*,
        row_number() over (
            partition by owners.customer_id
            order by
                preferences.record_updated_at desc nulls last,
                preferences.load_seq desc,
                preferences.record_id desc
        ) as age
    from preferences
    inner join owners on preferences.node_id = owners.node_id
),

final as (
    select
        customer_id,
        channel,
        language,
        topics,
        frequency,
        quiet_hours,
        timezone,
        record_updated_at as stated_at,
        record_id
    from ordered
    where age = 1
)

select * from final
