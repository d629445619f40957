-- Grain: one row per audience and profile that is in it now.
with

members as (
    select * from {{ ref('all_audiences') }}
),

history as (
    select * from {{ ref('audience_history') }}
),

entered as (
    select
        audience,
        customer_id,
        changed_at,
        row_number() over (partition by audience, customer_id order by history_seq desc) as age
    from history
    where event = 'entered'
),

final as (
    select
        members.audience,
        members.customer_id,
        -- a model that names a profile twice gives it one place, for the first reason in order
        min(members.reason) as reason,
        min(entered.changed_at) as since
    from members
    left join entered
        on
            members.audience = entered.audience
            and members.customer_id = entered.customer_id
            and entered.age = 1
    where members.customer_id is not null
    group by members.audience, members.customer_id
)

select * from final
