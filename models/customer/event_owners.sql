{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='device_id',
    touched_sql='select device_id from staging.touched_devices',
) }}
-- Grain: one row per event: who it belongs to. Devices never link people; they are sliced by logins:
-- an event with its own identifiers follows them, else the last login at or before it, before the first login the first
-- one's person, with no login nobody (an anonymous profile).
-- depends_on: {{ ref('touched_owners') }} {{ ref('touched_devices') }}
with

events as (
    select
        record_id,
        message_id,
        occurred_at,
        {{ device_of() }} as device_id,
        node_id
    from {{ ref('stg_events') }}
),

touched as (
    select *
    from events
    {% if is_incremental() %}
    where device_id in (select device_id from {{ ref('touched_devices') }})
    {% endif %}
),

known as (
    select
        touched.record_id,
        touched.message_id,
        touched.occurred_at,
        touched.device_id,
        owners.customer_id as login_id
    from touched
    left join {{ ref('node_customers') }} as owners on touched.node_id = owners.node_id
),

sliced as (
    select
        record_id,
        device_id,
        occurred_at,
        login_id,
        -- ties in time are broken by message id, then record id, so that late and shuffled loads give the same slices
        last_value(login_id ignore nulls) over (
            partition by device_id
            order by occurred_at, message_id, record_id
            rows between unbounded preceding and current row
        ) as last_login_id,
        first_value(login_id ignore nulls) over (
            partition by device_id
            order by occurred_at, message_id, record_id
            rows between unbounded preceding and unbounded following
        ) as first_login_id
    from known
)

select
    record_id,
    device_id,
    occurred_at,
    coalesce(login_id, last_login_id, first_login_id) as customer_id,
    login_id is not null as is_login
from sliced
