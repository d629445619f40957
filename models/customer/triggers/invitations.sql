-- Grain: one row per survey invitation: a record of a survey tool, or one that we sent and a destination accepted.
-- Ours counts as delivered when it was accepted; where the tool lists it too, the tool's record speaks.
with

told as (
    select * from {{ ref('stg_invitations') }}
),

ours as (
    select * from {{ ref('trigger_memory') }}
    where kind <> 'cart' and sent_at is not null
),

final as (
    select
        told.record_id,
        told.source,
        told.brand,
        owners.customer_id,
        told.invitation_id,
        told.survey,
        told.touchpoint,
        told.campaign_id,
        told.channel,
        told.sent_at,
        told.delivered_at,
        told.order_id,
        told.ticket_id
    from told
    left join {{ ref('node_customers') }} as owners on told.node_id = owners.node_id
    union all
    select
        'exports.invitations:' || ours.entry_id as record_id,
        ours.answers_in as source,
        ours.brand,
        ours.customer_id,
        ours.entry_id as invitation_id,
        ours.survey,
        ours.touchpoint,
        cast(null as {{ sql_type('string') }}) as campaign_id,
        ours.channel,
        ours.sent_at,
        ours.sent_at as delivered_at,
        ours.order_id,
        ours.ticket_id
    from ours
    left join told on ours.answers_in = told.source and ours.entry_id = told.invitation_id
    where told.invitation_id is null
)

select * from final
