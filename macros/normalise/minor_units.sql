{#- An amount in the smallest unit of its currency (cents; yen) as text in whole units. Which currencies have no or three
    decimals is Stripe's list: ISK and UGX have none by now and are still counted in hundredths there. What is no whole number
    goes on as delivered, so that staging quarantines the row. -#}
{% macro minor_units(amount, currency) -%}
    coalesce(cast(cast(
        cast({{ try_to(amount, 'bigint') }} as decimal(18, 3)) * case
            when upper({{ currency }}) in (
                'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
            ) then 1.000
            when upper({{ currency }}) in ('BHD', 'JOD', 'KWD', 'OMR', 'TND') then 0.001
            else 0.010
        end
    as decimal(18, 2)) as {{ sql_type('string') }}), {{ amount }})
{%- endmacro %}
