{#- Shares with their uncertainty: Wilson's interval, Newcombe's interval of a difference, and what many comparisons ask. -#}

{#- Wilson's 95 % interval of `successes` out of `n` (Wilson 1927); null without a trial. Rounding must not carry a bound
    past the figure itself where none or all succeeded, nor out of 0 to 1. -#}
{% macro share_low(successes, n) -%}
    case when {{ n }} > 0 then greatest(least({{ share_of(successes, n) }}, {{ _share_bound(successes, n, '-') }}), 0e0) end
{%- endmacro %}
{% macro share_high(successes, n) -%}
    case when {{ n }} > 0 then least(greatest({{ share_of(successes, n) }}, {{ _share_bound(successes, n, '+') }}), 1e0) end
{%- endmacro %}
{% macro _share_bound(successes, n, sign) -%}
    {%- set z = 1.959963984540054 -%}
    (
        2e0 * {{ successes }} + {{ z * z }}e0
        {{ sign }} {{ z }}e0 * sqrt({{ z * z }}e0 + 4e0 * {{ successes }} * (1e0 - {{ share_of(successes, n) }}))
    ) / (2e0 * ({{ n }} + {{ z * z }}e0))
{%- endmacro %}

{#- A share; null without a trial. -#}
{% macro share_of(successes, n) -%} {{ successes }} / nullif({{ n }} * 1e0, 0) {%- endmacro %}

{#- Upper quantile of the normal distribution for a tail of `p` (1e-11 < p < 0.07): Wichura 1988, algorithm AS 241, whose
    relative error is about 1e-16 in this branch. -#}
{% macro normal_tail_quantile(p) -%}
    {%- set r = '(sqrt(-ln(' ~ p ~ ')) - 1.6e0)' -%}
    (((((((7.7454501427834140764e-4 * {{ r }} + 0.0227238449892691845833) * {{ r }} + 0.24178072517745061177) * {{ r }}
    + 1.27045825245236838258e0) * {{ r }} + 3.64784832476320460504e0) * {{ r }} + 5.7694972214606914055e0) * {{ r }}
    + 4.6303378461565452959e0) * {{ r }} + 1.42343711074968357734e0)
    / (((((((1.05075007164441684324e-9 * {{ r }} + 5.475938084995344946e-4) * {{ r }} + 0.0151986665636164571966e0)
    * {{ r }} + 0.14810397642748007459e0) * {{ r }} + 0.68976733498510000455e0) * {{ r }} + 1.6763848301838038494e0)
    * {{ r }} + 2.05319162663775882187e0) * {{ r }} + 1e0)
{%- endmacro %}
