{#- Entities whose rows can carry identifiers, with the column that says when: what `customer_records` unites. -#}
{% macro record_entities() -%}
    {{ return([
        ('contact', 'contacts', 'coalesce(created_at, record_updated_at)'),
        ('account', 'accounts', 'created_at'),
        ('order', 'orders', 'ordered_at'),
        ('order_line', 'order_lines', 'ordered_at'),
        ('refund', 'refunds', 'refunded_at'),
        ('subscription', 'subscriptions', 'started_at'),
        ('deal', 'deals', 'created_at'),
        ('ticket', 'tickets', 'opened_at'),
        ('interaction', 'interactions', 'occurred_at'),
        ('post', 'posts', 'posted_at'),
        ('event', 'events', 'occurred_at'),
        ('message', 'messages', 'occurred_at'),
        ('invitation', 'invitations', 'sent_at'),
        ('response', 'responses', 'responded_at'),
        ('consent', 'consents', 'occurred_at'),
        ('preference', 'preferences', 'record_updated_at'),
        ('attribute', 'attributes', 'observed_at'),
        ('assignment', 'assignments', 'assigned_at'),
    ]) }}
{%- endmacro %}

{#- Filter of facts that are replaced per customer; orders changed by nameless lines or refunds count. -#}
{% macro is_touched_customer(column) -%}
    {%- set touched = ref('touched_customers') -%}
    {%- if is_incremental() -%}{{ column }} in (select touch_key from {{ touched }}){%- else -%}true{%- endif -%}
{%- endmacro %}
