{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per audience, profile and change: it entered or it left. Memory: append-only, a full refresh keeps it.
-- What is new is read off the history itself, so that a build that was killed after writing adds nothing when redone.
with

members as (
    select distinct
        audience,
        customer_id
    from {{ ref('all_audiences') }}
    where customer_id is not null
),

history as (
    {% if is_incremental() %}
    select
        audience,
        customer_id,
        event,
        history_seq
    from {{ this }}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as audience,
        cast(null as {{ sql_type('string') }}) as customer_id,
        cast(null as {{ sql_type('string') }}) as event,
        cast(null as bigint) as history_seq
    where false
    {% endif %}
),

latest as (
    select
        audience,
        customer_id,
        event,
        row_number() over (partition by audience, customer_id order by history_seq desc) as age
    from history
),

inside as (
    select
        audience,
        customer_id
    from latest
    where age = 1 and event = 'entered'
),

changes as (
    select
        coalesce(members.audience, inside.audience) as audience,
        coalesce(members.customer_id, inside.customer_id) as customer_id,
        case when inside.customer_id is null then 'entered' else 'left' end as event
    from members
    full outer join inside on members.audience = inside.audience and members.customer_id = inside.customer_id
    where members.customer_id is null or inside.customer_id is null
),

numbered as (
    select coalesce(max(history_seq), 0) + 1 as history_seq
    from history
),

final as (
    select
        changes.audience,
        changes.customer_id,
        changes.event,
        clock.as_of as changed_at,
        cast(numbered.history_seq as bigint) as history_seq,
        clock.run_id
    from changes
    cross join numbered
    cross join {{ ref('run_clock') }} as clock
)

select * from final
