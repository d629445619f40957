{#- An order's name in the company: order numbers are unique within a source only. -#}
{% macro order_key() -%} source || ':' || order_id {%- endmacro %}

{#- Whether an order with this status is a sale. Shops word it freely; what never became one is listed, the rest is. -#}
{% macro is_paid_status(status) -%}
    coalesce({{ status }}, 'paid') not in (
        'cancelled', 'canceled', 'cancel', 'void', 'voided', 'failed', 'declined', 'rejected', 'expired', 'abandoned',
        'draft', 'pending', 'unpaid', 'awaiting_payment', 'pending_payment'
    )
{%- endmacro %}

{#- Filter of the order facts: the orders this build replaces, all of them on a full one. -#}
{% macro is_touched_order(column) -%}
    {%- set touched = ref('touched_orders') -%}
    {%- if is_incremental() -%}{{ column }} in (select order_key from {{ touched }}){%- else -%}true{%- endif -%}
{%- endmacro %}

{#- An amount (in cents) at a rate, in cents. Products of such numbers are costly, and most amounts are in our currency. -#}
{% macro at_rate(amount, rate) -%}
    case
        when {{ rate }} = 1 then {{ amount }}
        else cast({{ amount }} * {{ rate }} as decimal(18, 2))
    end
{%- endmacro %}
