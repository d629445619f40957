{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per audience and build that changed its members or what its limits say. Memory: append-only, a full refresh keeps it.
-- Change is counted against the last state that kept the limits, not against the run before: a broken audience would be taken for
-- usual one run later.
with

settings as (
    select * from {{ ref('config_audiences') }}
),

history as (
    select
        history.audience,
        coalesce(redirects.new_customer_id, history.customer_id) as customer_id,
        history.customer_id as entered_as,
        history.event,
        history.history_seq
    from {{ ref('audience_history') }} as history
    left join {{ ref('customer_redirects') }} as redirects on history.customer_id = redirects.old_customer_id
),

members as (
    select
        audience,
        customer_id
    from {{ ref('audience_members') }}
),

sizes as (
    {% if is_incremental() %}
    select
        audience,
        size_seq,
        history_seq,
        guard,
        row_number() over (partition by audience order by size_seq desc) as age
    from {{ this }}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as audience,
        cast(null as bigint) as size_seq,
        cast(null as bigint) as history_seq,
        cast(null as {{ sql_type('string') }}) as guard,
        1 as age
    where false
    {% endif %}
),

trusted as (
    select
        audience,
        max(history_seq) as history_seq
    from sizes
    where guard = 'ok'
    group by audience
),

-- who was in when the limits last held
then_latest as (
    select
        history.*,
        row_number() over (
            partition by history.audience, history.entered_as
            order by history.history_seq desc
        ) as age
    from history
    inner join trusted on history.audience = trusted.audience and history.history_seq <= trusted.history_seq
),

then_members as (
    select distinct
        audience,
        customer_id
    from then_latest
    where age = 1 and event = 'entered'
),

compared as (
    select
        coalesce(members.audience, then_members.audience) as audience,
        count(members.customer_id) as members,
        count(then_members.customer_id) as members_before,
        count(*) filter (where then_members.customer_id is null) as entered,
        count(*) filter (where members.customer_id is null) as departed
    from members
    full outer join then_members
        on members.audience = then_members.audience and members.customer_id = then_members.customer_id
    group by coalesce(members.audience, then_members.audience)
),

changes as (
    select
        history.audience,
        max(history.history_seq) as history_seq,
        count(distinct case when history.event = 'entered' then history.customer_id end) as entered,
        count(distinct case when history.event = 'left' then history.customer_id end) as departed
    from history
    left join sizes on history.audience = sizes.audience and sizes.age = 1
    where history.history_seq > coalesce(sizes.history_seq, 0)
    group by history.audience
),

measured as (
    select
        settings.*,
        coalesce(compared.members, 0) as members,
        coalesce(changes.entered, 0) as entered,
        coalesce(changes.departed, 0) as departed,
        coalesce(changes.history_seq, sizes.history_seq, 0) as history_seq,
        coalesce(sizes.size_seq, 0) + 1 as size_seq,
        changes.audience is not null or sizes.audience is null as is_changed,
        sizes.guard as guard_before,
        case
            when trusted.audience is not null
                then (compared.entered + compared.departed) * 1e0 / greatest(compared.members_before, 1)
        end as change_share
    from settings
    left join compared on settings.audience = compared.audience
    left join changes on settings.audience = changes.audience
    left join sizes on settings.audience = sizes.audience and sizes.age = 1
    left join trusted on settings.audience = trusted.audience
),

judged as (
    select
        *,
        case
            when members < min_members then 'too small'
            when members > max_members then 'too large'
            when change_share > max_change then 'changed too much'
            else 'ok'
        end as guard
    from measured
),

final as (
    select
        judged.audience,
        cast(judged.size_seq as bigint) as size_seq,
        clock.as_of as measured_at,
        cast(judged.members as bigint) as members,
        cast(judged.entered as bigint) as entered,
        cast(judged.departed as bigint) as departed,
        cast(judged.change_share as double) as change_share,
        judged.guard,
        cast(judged.history_seq as bigint) as history_seq,
        clock.run_id
    from judged
    cross join {{ ref('run_clock') }} as clock
    where judged.is_changed or judged.guard <> judged.guard_before
)

select * from final
