{#- Whether a list written `|a|b|` holds a word. -#}
{% macro contains_word(list, word) -%} {{ list }} like '%|' || {{ word }} || '|%' {%- endmacro %}

{#- Columns both campaign marts show of `figures`: counts, then rates by what each is counted of; intervals are Wilson's. -#}
{% macro campaign_figures(figures) -%}
    {%- for name in [
        'sent', 'delivered', 'recipients', 'held_out', 'opened', 'machine_opens', 'clicked', 'redeemed', 'bounces',
        'hard_bounces', 'complaints', 'unsubscribes', 'converted', 'orders', 'valued_orders', 'new_customers',
    ] %}
        cast(coalesce({{ figures }}.{{ name }}, 0) as bigint) as {{ name }},
    {%- endfor %}
        cast(coalesce({{ figures }}.revenue, 0) as decimal(18, 2)) as revenue,
    {%- for name, count, n in [
        ('delivery_rate', 'delivered', 'sent'),
        ('open_rate', 'opened', 'delivered'),
        ('click_rate', 'clicked', 'delivered'),
        ('bounce_rate', 'bounces', 'sent'),
        ('complaint_rate', 'complaints', 'delivered'),
        ('unsubscribe_rate', 'unsubscribes', 'delivered'),
        ('redemption_rate', 'redeemed', 'recipients'),
        ('conversion_rate', 'converted', 'recipients'),
    ] %}
        cast({{ share_of(figures ~ '.' ~ count, figures ~ '.' ~ n) }} as double) as {{ name }},
    {%- endfor %}
        cast({{ share_low(figures ~ '.converted', figures ~ '.recipients') }} as double) as conversion_low,
        cast({{ share_high(figures ~ '.converted', figures ~ '.recipients') }} as double) as conversion_high,
        coalesce({{ figures }}.recipients, 0) >= {{ var('min_sample') }} as enough_n
{%- endmacro %}

{#- What both campaign marts show of money: `costs` spent, by what came of it. A sum with a gap is no sum: null, never a part. -#}
{% macro campaign_costs(figures, costs) -%}
        cast(coalesce({{ costs }}.spend_rows, 0) as bigint) as spend_rows,
        cast({{ costs }}.cost as decimal(18, 2)) as cost,
        cast({{ costs }}.cost / nullif({{ figures }}.converted, 0) as decimal(18, 2)) as cost_per_conversion,
        cast({{ costs }}.cost / nullif({{ figures }}.new_customers, 0) as decimal(18, 2)) as cost_per_new_customer,
        cast(
            case when {{ costs }}.cost is not null then coalesce({{ figures }}.revenue, 0) / nullif({{ costs }}.cost, 0) end
            as double
        ) as revenue_per_cost
{%- endmacro %}
