{{ config(schema='customer') }}
-- Grain: one row per trigger with the case it belongs to. A customer's triggers about one touchpoint are one case as long
-- as each follows the one before within `cx.cases.window`; the case has the id of its first trigger, and every trigger's
-- own id leads here, so that a decision or a ticket that carries the id of a case which a merge swallowed finds its way.
with

triggers as (
    select * from {{ ref('int_cases__triggers') }}
),

settings as (
    select * from {{ ref('config_cases') }}
),

-- ties in time: what the case is named after comes first, then the smaller id
ordered as (
    select
        triggers.*,
        coalesce(triggers.touchpoint, '') as place,
        lag(triggers.occurred_at) over (
            partition by triggers.customer_id, coalesce(triggers.touchpoint, '')
            order by triggers.occurred_at, triggers.severity, triggers.trigger_id
        ) as occurred_before
    from triggers
),

numbered as (
    select
        ordered.*,
        sum(
            case
                when ordered.occurred_at <= {{ add_days('ordered.occurred_before', 'settings.window_days') }} then 0
                else 1
            end
        ) over (
            partition by ordered.customer_id, ordered.place
            order by ordered.occurred_at, ordered.severity, ordered.trigger_id
            rows between unbounded preceding and current row
        ) as case_no
    from ordered
    cross join settings
),

final as (
    select
        trigger_id,
        first_value(trigger_id) over (
            partition by customer_id, place, case_no order by occurred_at, severity, trigger_id
        ) as case_id,
        kind,
        due_hours,
        said_id,
        customer_id,
        occurred_at,
        touchpoint,
        channel,
        source,
        record_id,
        question,
        score,
        oriented_score,
        order_id,
        ticket_id
    from numbered
)

select * from final
