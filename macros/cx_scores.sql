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

{#- Chance of a standard normal value at least so far from zero on either side: Hart's rational approximation (West 2005),
    good to 15 digits; `z` is a column, not negative. -#}
{% macro cx_two_sided_p(z) -%}
    {%- set top = [
        '3.52624965998911e-02', '0.700383064443688e0', '6.37396220353165e0', '33.912866078383e0', '112.079291497871e0',
        '221.213596169931e0', '220.206867912376e0',
    ] -%}
    {%- set bottom = [
        '8.83883476483184e-02', '1.75566716318264e0', '16.064177579207e0', '86.7807322029461e0', '296.564248779674e0',
        '637.333633378831e0', '793.826512519948e0', '440.413735824752e0',
    ] -%}
    case
        when {{ z }} > 37e0 then 0e0
        when {{ z }} < 7e0
            then 2e0 * exp(-{{ z }} * {{ z }} / 2e0) * ({{ cx_horner(top, z) }}) / ({{ cx_horner(bottom, z) }})
        else
            2e0 * exp(-{{ z }} * {{ z }} / 2e0)
            / ({{ z }} + 1e0 / ({{ z }} + 2e0 / ({{ z }} + 3e0 / ({{ z }} + 4e0 / ({{ z }} + 0.65e0)))))
            / 2.5066282746310002e0
    end
{%- endmacro %}

{#- A polynomial by Horner's rule, highest power first. -#}
{% macro cx_horner(coefficients, x) -%}
    {%- set sum = namespace(text=coefficients[0]) -%}
    {%- for one in coefficients[1:] -%}
        {%- set sum.text = '(' ~ sum.text ~ ') * ' ~ x ~ ' + ' ~ one -%}
    {%- endfor -%}
    {{ sum.text }}
{%- endmacro %}

{#- Centre and half width of the 95 % interval of a difference of two shares of a whole, or of one share, from so many answers
    (any positive number): adjusted Wald with 3/4, 3/2 and 3/4 answers added, and Wilson. -#}
{% macro cx_nps_centre(promoters, detractors, size) -%}
    ({{ promoters }} - {{ detractors }}) * {{ size }} / ({{ size }} + 3)
{%- endmacro %}
{% macro cx_nps_half_width(promoters, detractors, size) -%}
    {{ cx_z() }} * sqrt(
        (
            (({{ promoters }} + {{ detractors }}) * {{ size }} + 1.5e0) / ({{ size }} + 3)
            - {{ cx_nps_centre(promoters, detractors, size) }} * {{ cx_nps_centre(promoters, detractors, size) }}
        ) / ({{ size }} + 3)
    )
{%- endmacro %}
{% macro cx_share_centre(share, size) -%}
    ({{ share }} + {{ cx_z() }} * {{ cx_z() }} / (2 * {{ size }})) / (1 + {{ cx_z() }} * {{ cx_z() }} / {{ size }})
{%- endmacro %}
{% macro cx_share_half_width(share, size) -%}
    {{ cx_z() }} / (1 + {{ cx_z() }} * {{ cx_z() }} / {{ size }}) * sqrt(
        {{ share }} * (1 - {{ share }}) / {{ size }} + {{ cx_z() }} * {{ cx_z() }} / (4 * {{ size }} * {{ size }})
    )
{%- endmacro %}
