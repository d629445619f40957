{{ config(schema='marts') }}
-- Grain: one row per triggered message: entries, sent or not, and what is still waiting to become one; with its state at as_of.
-- depends_on: {{ ref('trigger_entries') }}
with

unsent as (
    select * from {{ ref('int_triggers__judged') }}
),

sent as (
    select * from {{ ref('int_triggers__entered') }}
    where sent_at is not null
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

unioned as (
    select
        unsent.entry_id,
        unsent.trigger_name,
        unsent.step,
        unsent.channel,
        unsent.customer_id,
        unsent.state,
        unsent.reason,
        unsent.subject_id,
        unsent.subject_at,
        unsent.order_id,
        unsent.ticket_id,
        unsent.due_at,
        case when unsent.enters_now then clock.as_of else unsent.entered_at end as entered_at,
        cast(null as timestamp) as sent_at,
        unsent.parent_entry_id,
        (unsent.entered_at is not null or unsent.enters_now) and unsent.code is not null as has_code
    from unsent
    cross join clock
    union all
    select
        entry_id,
        trigger_name,
        step,
        channel,
        owner_id as customer_id,
        'sent' as state,
        cast(null as {{ sql_type('string') }}) as reason,
        subject_id,
        subject_at,
        order_id,
        ticket_id,
        cast(null as timestamp) as due_at,
        entered_at,
        sent_at,
        parent_entry_id,
        code is not null as has_code
    from sent
),

-- what a person stated counts more than what a contact record says
languages as (
    select
        people.customer_id,
        coalesce(preferences.language, people.language) as language
    from {{ ref('golden_records') }} as people
    left join {{ ref('preferences') }} as preferences on people.customer_id = preferences.customer_id
),

final as (
    select
        unioned.entry_id,
        unioned.trigger_name,
        unioned.step,
        unioned.channel,
        unioned.customer_id,
        languages.language,
        unioned.state,
        unioned.reason,
        unioned.subject_id,
        unioned.subject_at,
        unioned.order_id,
        unioned.ticket_id,
        cast(unioned.due_at as timestamp) as due_at,
        unioned.entered_at,
        unioned.sent_at,
        unioned.parent_entry_id,
        coalesce(unioned.has_code, false) as has_code,
        unioned.entered_at is not null as is_entered
    from unioned
    left join languages on unioned.customer_id = languages.customer_id
)

select * from final
