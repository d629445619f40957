{{ config(schema='customer') }}
-- Grain: one row per message of a campaign: what happened to it, by people. What machines opened or clicked is counted apart.
-- A message the tool does not number is known by its recipient, else by its own event.
with

settings as (
    select * from {{ ref('config_campaigns') }}
),

campaigns as (
    select
        source,
        campaign_id,
        min(started_at) as started_at
    from {{ ref('stg_campaigns') }}
    group by source, campaign_id
),

events as (
    select
        *,
        coalesce(message_id, customer_id, record_id) as message_key,
        coalesce(is_machine, false) as by_machine
    from {{ ref('messages') }}
    where campaign_id is not null
),

gathered as (
    select
        source,
        campaign_id,
        message_key,
        max(customer_id) as customer_id,
        max(variant) as variant,
        max(channel) as channel,
        bool_or(kind in ('sent', 'delivered', 'bounced')) as is_sent,
        bool_or(kind = 'delivered') as is_delivered,
        bool_or(kind = 'bounced') as is_bounced,
        bool_or(kind = 'bounced' and coalesce(is_hard_bounce, false)) as is_hard_bounced,
        bool_or(kind = 'opened' and not by_machine) as is_opened,
        bool_or(kind = 'opened' and by_machine) as is_machine_opened,
        bool_or(kind = 'clicked' and not by_machine) as is_clicked,
        bool_or(kind = 'redeemed') as is_redeemed,
        bool_or(kind = 'complained') as is_complained,
        bool_or(kind = 'unsubscribed') as is_unsubscribed,
        min(case when kind in ('sent', 'delivered') then occurred_at end) as sent_at,
        min(case when kind = 'delivered' then occurred_at end) as delivered_at,
        min(case when kind = 'clicked' and not by_machine then occurred_at end) as clicked_at
    from events
    group by source, campaign_id, message_key
),

-- a tool that logs no deliveries delivers what does not come back
tools as (
    select
        source,
        bool_or(is_delivered) as logs_deliveries
    from gathered
    group by source
),

final as (
    select
        gathered.source,
        gathered.campaign_id,
        gathered.message_key,
        gathered.customer_id,
        gathered.variant,
        gathered.channel,
        gathered.is_sent,
        case
            when tools.logs_deliveries then gathered.is_delivered
            else gathered.is_sent and not gathered.is_bounced
        end as is_delivered,
        gathered.is_bounced,
        gathered.is_hard_bounced,
        gathered.is_opened,
        gathered.is_machine_opened,
        gathered.is_clicked,
        gathered.is_redeemed,
        gathered.is_complained,
        gathered.is_unsubscribed,
        coalesce(gathered.sent_at, campaigns.started_at) as sent_at,
        -- from when on an order may be due to it
        case
            when settings.counted_from = 'click' then gathered.clicked_at
            when tools.logs_deliveries and not gathered.is_delivered then null
            when not gathered.is_bounced
                then coalesce(gathered.delivered_at, gathered.sent_at, campaigns.started_at)
        end as touched_at
    from gathered
    cross join settings
    inner join tools on gathered.source = tools.source
    left join campaigns on gathered.source = campaigns.source and gathered.campaign_id = campaigns.campaign_id
)

select * from final
