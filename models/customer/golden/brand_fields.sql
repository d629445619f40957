{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_golden',
) }}
-- Grain: one row per customer and brand with a contact record of them: what that brand shows, decided among its own records alone.
-- depends_on: {{ ref('touched_golden') }}
{% set shown = ['email', 'phone', 'full_name', 'language'] %}
with

claims as (
    select * from {{ ref('contact_claims') }}
    where given_in_pass is null
),

candidates as (
    select
        votes.*,
        votes.valid_from as known_at,
        0 as tier,
        0 as mentions
    from {{ ref('golden_votes') }} as votes
    left join claims
        on votes.customer_id = claims.customer_id and votes.field = claims.field and votes.value = claims.value
    where votes.brand is not null and votes.is_contact and claims.customer_id is null and {{ may_win() }}
),

{{ rank_votes(['customer_id', 'brand', 'field']) }},

final as (
    select
        customer_id,
        brand,
        -- noqa: disable=LT02
        {% for unit in golden_units() %}
        {% for field in unit.fields if field in shown %}
        max(
            case
                when field = '{{ unit.name }}'
                    then {{ readable('field', 'value') if unit.name == 'name' else unpacked(unit, field, 'value') }}
            end
        ) as {{ field }},
        {% endfor %}
        {% endfor %}
        count(*) as fields
    -- noqa: enable=LT02
    from ranked
    where standing = 1
    group by customer_id, brand
)

select * from final
