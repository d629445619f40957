-- Grain: one row per profile, contact point, channel and reason for which nothing may be sent, whatever was agreed.
with

young as (
    select people.customer_id
    from {{ ref('golden_records') }} as people
    cross join {{ ref('config_sending') }} as settings
    cross join {{ ref('run_clock') }} as clock
    where {{ full_years('people.birth_date', 'clock.as_of') }} < settings.minimum_age
),

stopped as (
    select
        customer_id,
        contact_point,
        channel,
        reason,
        occurred_at
    from {{ ref('int_consent__stops') }}
    union all
    select
        customer_id,
        cast(null as {{ sql_type('string') }}) as contact_point,
        cast(null as {{ sql_type('string') }}) as channel,
        'minor' as reason,
        cast(null as timestamp) as occurred_at
    from young
),

final as (
    select
        customer_id,
        contact_point,
        channel,
        reason,
        min(occurred_at) as since
    from stopped
    group by customer_id, contact_point, channel, reason
)

select * from final
