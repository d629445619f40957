{{ config(schema='staging') }}
-- Grain: one row per conversion whose attribution this build replaces: those of touched customers and devices, and those that
-- are new, gone or other than they were (an order record arrives and takes in its event; a first order is no longer the first).
{% set former = previous('marts', 'attribution') %}
{% set columns = [
    'customer_id', 'visitor_id', 'converted_at', 'revenue', 'is_first', 'order_channel', 'brand', 'source',
] %}
with

conversions as (
    select * from {{ ref('conversions') }}
    {{ 'where false' if flags.FULL_REFRESH or not former }}
),

{% if former and not flags.FULL_REFRESH %}
former as (
    select
        conversion_id,
        {{ columns | join(',\n        ') }}
    from {{ former }}
    where touch_no <= 1
),

changed as (
    select coalesce(conversions.conversion_id, former.conversion_id) as conversion_id
    from conversions
    full outer join former on conversions.conversion_id = former.conversion_id
    where
        conversions.conversion_id is null
        or former.conversion_id is null
        {% for column in columns -%}
        or conversions.{{ column }} is distinct from former.{{ column }}
        {% endfor %}
),
{% endif %}

final as (
    select conversion_id
    from conversions
    where
        customer_id in (select touch_key from {{ ref('touched') }})
        or visitor_id in (select touch_key from {{ ref('touched') }})
    {% if former and not flags.FULL_REFRESH %}
    union
    select conversion_id from changed
    {% endif %}
)

select * from final
