{{ config(schema='customer') }}
-- Grain: one row per campaign and variant, and one for all variants of a campaign (is_total): counts behind every rate.
with

messages as (
    select
        source,
        campaign_id,
        variant,
        min(channel) as channel,
        grouping(variant) = 1 as is_total,
        count(*) filter (where is_sent) as sent,
        count(*) filter (where is_delivered) as delivered,
        count(*) filter (where is_bounced) as bounces,
        count(*) filter (where is_hard_bounced) as hard_bounces,
        count(*) filter (where is_opened) as opened,
        count(*) filter (where is_machine_opened and not is_opened) as machine_opens,
        count(*) filter (where is_clicked) as clicked,
        count(*) filter (where is_complained) as complaints,
        count(*) filter (where is_unsubscribed) as unsubscribes,
        count(distinct customer_id) as recipients,
        count(distinct case when is_redeemed and is_sent then customer_id end) as redeemed,
        min(sent_at) as first_sent_at
    from {{ ref('int_marketing__messages') }}
    group by grouping sets ((source, campaign_id, variant), (source, campaign_id))
),

people as (
    select
        source,
        campaign_id,
        variant,
        grouping(variant) = 1 as is_total,
        count(*) filter (where is_holdout and not is_sent) as held_out
    from {{ ref('int_marketing__recipients') }}
    group by grouping sets ((source, campaign_id, variant), (source, campaign_id))
),

sales as (
    select
        source,
        campaign_id,
        variant,
        grouping(variant) = 1 as is_total,
        count(distinct customer_id) as converted,
        count(*) as orders,
        count(revenue) as valued_orders,
        sum(revenue) as revenue,
        count(*) filter (where is_first_purchase) as new_customers
    from {{ ref('int_marketing__conversions') }}
    group by grouping sets ((source, campaign_id, variant), (source, campaign_id))
),

cells as (
    select
        source,
        campaign_id,
        variant,
        is_total
    from messages
    union
    select
        source,
        campaign_id,
        variant,
        is_total
    from people
),

final as (
    select
        cells.source,
        cells.campaign_id,
        cells.variant,
        cells.is_total,
        messages.channel,
        messages.first_sent_at,
        {% for name in [
            'sent', 'delivered', 'bounces', 'hard_bounces', 'opened', 'machine_opens', 'clicked', 'complaints',
            'unsubscribes', 'recipients', 'redeemed',
        ] %}
        coalesce(messages.{{ name }}, 0) as {{ name }},
        {% endfor %}
        coalesce(people.held_out, 0) as held_out,
        coalesce(sales.converted, 0) as converted,
        coalesce(sales.orders, 0) as orders,
        coalesce(sales.valued_orders, 0) as valued_orders,
        cast(coalesce(sales.revenue, 0) as decimal(18, 2)) as revenue,
        coalesce(sales.new_customers, 0) as new_customers
    from cells
    {% for name in ['messages', 'people', 'sales'] %}
    left join {{ name }}
        on
            cells.source = {{ name }}.source
            and cells.campaign_id = {{ name }}.campaign_id
            and coalesce(cells.variant, '') = coalesce({{ name }}.variant, '')
            and cells.is_total = {{ name }}.is_total
    {% endfor %}
)

select * from final
