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
