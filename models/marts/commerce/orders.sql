{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='order_key',
    touched_sql='select order_key from staging.touched_orders',
) }}
-- Grain: one row per order: declared by a source, or summed from its lines where the source has no order table.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

orders as (
    select
        {{ order_key() }} as order_key,
        record_id,
        source,
        brand,
        order_id,
        node_id,
        ordered_at,
        status,
        channel,
        store_id,
        currency,
        gross_amount,
        discount_amount,
        shipping_amount,
        tax_amount,
        promised_at,
        delivered_at,
        -- two tables of a source may deliver one order: the latest version speaks
        row_number() over (
            partition by source, order_id
            order by record_updated_at desc nulls last, load_seq desc, record_id desc
        ) as age
    from {{ ref('stg_orders') }}
    where {{ is_touched_order(order_key()) }}
),

declared as (
    select *
    from orders
    where age = 1
),

lines as (
    select
        {{ order_key() }} as order_key,
        min(record_id) as record_id,
        min(source) as source,
        min(brand) as brand,
        min(order_id) as order_id,
        min(node_id) as node_id,
        min(ordered_at) as ordered_at,
        min(channel) as channel,
        min(store_id) as store_id,
        count(*) as line_count,
        sum(quantity) as units,
        -- a sum with a gap is no sum: gross is known when every line has it
        case when count(gross_amount) = count(*) then sum(gross_amount) end as gross_amount,
        sum(coalesce(discount_amount, 0)) as discount_amount,
        sum(coalesce(net_amount, gross_amount - coalesce(discount_amount, 0))) as net_amount
    from {{ ref('stg_order_lines') }}
    where {{ is_touched_order(order_key()) }}
    group by {{ order_key() }}
),

refunds as (
    select
        {{ order_key() }} as order_key,
        sum(amount) as refunded_amount,
        max(refunded_at) as last_refunded_at
    from {{ ref('stg_refunds') }}
    where {{ is_touched_order(order_key()) }}
    group by {{ order_key() }}
),

-- money of an order row comes from the order row; from its lines only where it says nothing at all
joined as (
    select
        coalesce(declared.order_key, lines.order_key) as order_key,
        coalesce(declared.record_id, lines.record_id) as record_id,
        coalesce(declared.source, lines.source) as source,
        coalesce(declared.brand, lines.brand) as brand,
        coalesce(declared.order_id, lines.order_id) as order_id,
        coalesce(declared.node_id, lines.node_id) as node_id,
        coalesce(declared.ordered_at, lines.ordered_at) as ordered_at,
        declared.status,
        coalesce(declared.channel, lines.channel) as channel,
        coalesce(declared.store_id, lines.store_id) as store_id,
        declared.currency,
        declared.order_key is null as is_derived,
        coalesce(lines.line_count, 0) as line_count,
        lines.units,
        coalesce(declared.gross_amount, lines.gross_amount) as gross_amount,
        case
            when declared.gross_amount is not null then coalesce(declared.discount_amount, 0)
            else coalesce(declared.discount_amount, lines.discount_amount)
        end as discount_amount,
        declared.shipping_amount,
        declared.tax_amount,
        case
            when declared.gross_amount is not null then declared.gross_amount - coalesce(declared.discount_amount, 0)
            else lines.net_amount
        end as net_amount,
        coalesce(refunds.refunded_amount, 0) as refunded_amount,
        refunds.last_refunded_at,
        declared.promised_at,
        declared.delivered_at
    from declared
    full outer join lines on declared.order_key = lines.order_key
    left join refunds on coalesce(declared.order_key, lines.order_key) = refunds.order_key
    -- lines without a time of their own belong to an order row that is deleted or not here yet: no order of their own
    where coalesce(declared.ordered_at, lines.ordered_at) is not null
),

judged as (
    select
        joined.*,
        owners.customer_id,
        {{ is_paid_status('joined.status') }} as is_paid,
        {{ local_date('joined.ordered_at') }} as ordered_on
    from joined
    left join owners on joined.node_id = owners.node_id
),

rated as (
    select
        judged.*,
        cast(
            case
                when coalesce(judged.currency, {{ reporting_currency() }}) = {{ reporting_currency() }} then 1
                else rates.rate
            end as decimal(20, 12)
        ) as rate,
        rates.quoted_on as rated_on
    from judged
    left join {{ ref('reporting_rates') }} as rates
        on judged.currency = rates.currency and judged.ordered_on = rates.day
),

final as (
    select
        order_key,
        record_id,
        source,
        brand,
        order_id,
        customer_id,
        ordered_at,
        ordered_on,
        status,
        channel,
        store_id,
        currency,
        is_derived,
        is_paid,
        -- a basket worth nothing is a contact, not a purchase
        is_paid and coalesce(net_amount, 0) > 0 as is_purchase,
        cast(line_count as bigint) as line_count,
        cast(units as double) as units,
        cast(gross_amount as decimal(18, 2)) as gross_amount,
        cast(discount_amount as decimal(18, 2)) as discount_amount,
        cast(net_amount as decimal(18, 2)) as net_amount,
        cast(tax_amount as decimal(18, 2)) as tax_amount,
        cast(shipping_amount as decimal(18, 2)) as shipping_amount,
        cast(refunded_amount as decimal(18, 2)) as refunded_amount,
        rate,
        rated_on,
        -- amounts of another currency are not added to ours; no rate, no number
        case
            when not is_paid then cast(0 as decimal(18, 2))
            else {{ at_rate('cast(net_amount - refunded_amount as decimal(18, 2))', 'rate') }}
        end as revenue,
        case
            when not is_paid then null
            when net_amount is null then 'no amount'
            when rate is null then 'no rate'
        end as revenue_missing_because,
        last_refunded_at,
        promised_at,
        delivered_at,
        delivered_at > promised_at as is_late
    from rated
)

select * from final
