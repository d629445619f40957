-- Grain: one row per audience and profile that is in it now.
with

members as (
    select * from {{ ref('all_audiences') }}
),

stays as (
    select * from {{ ref('audience_stays') }}
    where is_member
),

settings as (
    select * from {{ ref('config_audiences') }}
),

final as (
    select
        members.audience,
        members.customer_id,
        -- a model that names a profile twice gives it one place, for the first reason in order
        min(members.reason) as reason,
        min(stays.entered_at) as since,
        coalesce(min(stays.draw) < max(settings.holdout), false) as is_holdout
    from members
    left join stays on members.audience = stays.audience and members.customer_id = stays.customer_id
    left join settings on members.audience = settings.audience
    where members.customer_id is not null
    group by members.audience, members.customer_id
)

select * from final
