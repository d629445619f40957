{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per audience, profile and change: it entered or it left. Memory: append-only, a full refresh keeps it.
-- What is new is read off the history itself, so that a build that was killed after writing adds nothing when redone.
-- People are followed through merges: who was in under an id that was absorbed is in, and a merge is neither exit nor entry. When they
-- leave, every place of theirs is closed, under the id that entered.
with

members as (
    select distinct
        audience,
        customer_id
    from {{ ref('all_audiences') }}
    where customer_id is not null
),

redirects as (
    select * from {{ ref('customer_redirects') }}
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
        latest.audience,
        latest.customer_id,
        coalesce(redirects.new_customer_id, latest.customer_id) as person_id
    from latest
    left join redirects on latest.customer_id = redirects.old_customer_id
    where latest.age = 1 and latest.event = 'entered'
),

changes as (
    select
        coalesce(members.audience, inside.audience) as audience,
        coalesce(members.customer_id, inside.customer_id) as customer_id,
        case when inside.customer_id is null then 'entered' else 'left' end as event
    from members
    full outer join inside on members.audience = inside.audience and members.customer_id = inside.person_id
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
        clock.run_id,
        cast(coalesce(settings.holdout, 0) as double) as holdout_share
    from changes
    cross join numbered
    left join {{ ref('config_audiences') }} as settings on changes.audience = settings.audience
    cross join {{ ref('run_clock') }} as clock
)

select * from final
