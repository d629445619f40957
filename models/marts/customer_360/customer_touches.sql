{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_customers',
) }}
-- Grain: one row per touch of a customer with us or of us with them, of any kind, in one order of time. What was read in its
-- words comes in `customer_timeline`: a new reading changes texts of people whom nothing touched.
-- A touch without a time cannot be put in order: it is left out here and stays in its own mart.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    where {{ is_touched_customer('customer_id') }}
),

orders as (
    select
        'order:' || order_key as touch_id,
        customer_id,
        ordered_at as occurred_at,
        channel,
        'order' as kind,
        'purchase' as touchpoint,
        source,
        record_id,
        case
            when not is_paid then status
            when is_purchase then coalesce(status, 'sale')
            else 'no value'
        end as detail,
        true as is_by_customer
    from {{ ref('orders') }}
),

sessions as (
    select
        'session:' || session_id as touch_id,
        customer_id,
        started_at as occurred_at,
        channel,
        'session' as kind,
        'web' as touchpoint,
        source,
        first_record_id as record_id,
        case when is_bot then 'by a robot' when has_purchase then 'with purchase' else 'without purchase' end as detail,
        -- a robot with somebody's cookie is shown and counts as nobody's doing
        not is_bot as is_by_customer
    from {{ ref('sessions') }}
),

tickets as (
    select
        'ticket:' || record_id as touch_id,
        customer_id,
        opened_at as occurred_at,
        channel,
        'ticket' as kind,
        coalesce(touchpoint, 'support') as touchpoint,
        source,
        record_id,
        status as detail,
        true as is_by_customer
    from {{ ref('tickets') }}
),

answers as (
    select
        'answer:' || feedback_id as touch_id,
        customer_id,
        responded_at as occurred_at,
        channel,
        'answer' as kind,
        touchpoint,
        source,
        record_id,
        metric || ' ' || replace(cast(score as {{ sql_type('string') }}), '.0', '') as detail,
        true as is_by_customer
    from {{ ref('feedback') }}
),

interactions as (
    select
        'interaction:' || interactions.record_id as touch_id,
        owners.customer_id,
        interactions.occurred_at,
        interactions.kind as channel,
        'interaction' as kind,
        case
            when interactions.ticket_id is not null then 'support'
            when interactions.deal_id is not null then 'sales'
        end as touchpoint,
        interactions.source,
        interactions.record_id,
        coalesce(interactions.direction || ' ', '') || coalesce(interactions.outcome, interactions.kind) as detail,
        coalesce(interactions.direction = 'inbound', false) as is_by_customer
    from {{ ref('stg_interactions') }} as interactions
    inner join owners on interactions.node_id = owners.node_id
),

messages as (
    select
        'message:' || messages.record_id as touch_id,
        owners.customer_id,
        messages.occurred_at,
        messages.channel,
        'message' as kind,
        'marketing' as touchpoint,
        messages.source,
        messages.record_id,
        messages.kind as detail,
        messages.kind in ('opened', 'clicked', 'complained', 'unsubscribed', 'redeemed')
        and not coalesce(messages.is_machine, false) as is_by_customer
    from {{ ref('stg_messages') }} as messages
    inner join owners on messages.node_id = owners.node_id
),

posts as (
    select
        'post:' || posts.record_id as touch_id,
        owners.customer_id,
        posts.posted_at as occurred_at,
        posts.network as channel,
        'post' as kind,
        'social' as touchpoint,
        posts.source,
        posts.record_id,
        'post' as detail,
        true as is_by_customer
    from {{ ref('stg_posts') }} as posts
    inner join owners on posts.node_id = owners.node_id
),

united as (
    select * from orders
    union all
    select * from sessions
    union all
    select * from tickets
    union all
    select * from answers
    union all
    select * from interactions
    union all
    select * from messages
    union all
    select * from posts
),

final as (
    select
        touch_id,
        customer_id,
        occurred_at,
        channel,
        kind,
        touchpoint,
        source,
        record_id,
        detail,
        is_by_customer
    from united
    where
        customer_id is not null
        and occurred_at is not null
        and {{ is_touched_customer('customer_id') }}
)

select * from final
