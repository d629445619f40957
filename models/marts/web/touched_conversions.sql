{{ config(schema='staging') }}
-- Grain: one row per conversion whose attribution this build replaces: those of touched customers and devices, and those that
-- are new, gone or other than they were (an order record arrives and takes in its event; a first order is no longer the first).
-- With whom it is of and was of: their carts end by it. `attribution` comes after all that reads this: a killed build finds
-- the former conversions again.
{% set former = previous('marts', 'attribution') %}
{% set columns = [
    'customer_id', 'visitor_id', 'converted_at', 'revenue', 'is_first', 'order_channel', 'brand', 'source',
] %}
{% set compared = former and not flags.FULL_REFRESH %}
with

conversions as (
    select * from {{ ref('conversions') }}
    {{ 'where false' if not compared }}
),

{% if compared %}
former as (
    select
        conversion_id,
        {{ columns | join(',\n        ') }}
    from {{ former }}
    where touch_no <= 1
),

final as (
    select
        coalesce(conversions.conversion_id, former.conversion_id) as conversion_id,
        conversions.customer_id,
        former.customer_id as former_customer_id
    from conversions
    full outer join former on conversions.conversion_id = former.conversion_id
    where
        conversions.conversion_id is null
        or former.conversion_id is null
        {% for column in columns -%}
        or conversions.{{ column }} is distinct from former.{{ column }}
        {% endfor -%}
        or conversions.customer_id in (select touch_key from {{ ref('touched') }})
        or conversions.visitor_id in (select touch_key from {{ ref('touched') }})
)
{% else %}
final as (
    select
        conversion_id,
        customer_id,
        customer_id as former_customer_id
    from conversions
    where customer_id in (select touch_key from {{ ref('touched') }})
)
{% endif %}

select * from final
