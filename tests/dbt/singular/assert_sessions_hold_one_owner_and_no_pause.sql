-- Fails for every two neighbouring sessions of one owner on one device that should be one (no longer pause between them
-- than the timeout), and for every pair that overlaps.
with

settings as (
    select session_timeout_seconds from {{ ref('config_web') }}
),

sessions as (
    select
        session_id,
        device_id,
        customer_id,
        started_at,
        lag(ended_at) over (partition by device_id order by started_at, ended_at) as previous_end,
        lag(customer_id) over (partition by device_id order by started_at, ended_at) as previous_id
    from {{ ref('sessions') }}
)

select sessions.session_id
from sessions
cross join settings
where
    previous_end is not null
    and (
        started_at < previous_end
        or (
            previous_id is not distinct from customer_id
            and {{ seconds_between('previous_end', 'started_at') }} <= settings.session_timeout_seconds
        )
    )
