{#- The cuts of cx_scores: dimension -> column of `feedback`. A cut has rows for the values that are known. -#}
{% macro cx_dimensions() -%}
    {{ return(['survey', 'touchpoint', 'channel', 'language', 'source', 'brand']) }}
{%- endmacro %}

{#- 0.975 quantile of the normal distribution, to the last digit of a double. -#}
{% macro cx_z() -%} 1.959963984540054e0 {%- endmacro %}

{#- First day of the period a local date lies in; weeks begin as cdp.yml says (date_trunc knows Mondays only). -#}
{% macro cx_period_start(period, column) -%}
    {%- if period == 'week' and env_var('CDP_WEEK_STARTS', 'monday') == 'sunday' -%}
    cast(date_trunc('week', {{ column }} + interval 1 day) - interval 1 day as date)
    {%- else -%}
    cast(date_trunc('{{ period }}', {{ column }}) as date)
    {%- endif -%}
{%- endmacro %}

{#- First day of the period before. -#}
{% macro cx_previous_start(period, start) -%}
    case {{ period }}
        when 'week' then cast({{ start }} - interval 7 day as date)
        when 'month' then cast({{ start }} - interval 1 month as date)
        when 'quarter' then cast({{ start }} - interval 3 month as date)
        when 'year' then cast({{ start }} - interval 12 month as date)
    end
{%- endmacro %}

{#- 0.975 quantile of Student's t. `tabled` is seed t_quantiles (up to 400 degrees of freedom); above, the expansion of
    Abramowitz and Stegun 26.7.5 around the normal quantile, relative error below 1e-13 from 400 on. -#}
{% macro cx_t_quantile(df, tabled) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set g1 = (z ** 3 + z) / 4 -%}
    {%- set g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96 -%}
    {%- set g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384 -%}
    {%- set g4 = (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160 -%}
    case
        when {{ df }} <= 400 then {{ tabled }}
        else {{ z }}e0
            + ({{ g1 }}e0 + ({{ g2 }}e0 + ({{ g3 }}e0 + {{ g4 }}e0 / {{ df }}) / {{ df }}) / {{ df }}) / {{ df }}
    end
{%- endmacro %}
