-- Fails where table and series of Student's t do not meet at 400 degrees of freedom to 1e-9, or where the quantile of a
-- larger sample is not smaller, down to the normal quantile.
with

table_end as (
    select quantile
    from {{ ref('t_quantiles') }}
    where df = 400
),

cases as (
    select
        (quantile - {{ cx_t_quantile('401', 'quantile') }}) as step,
        abs({{ cx_t_quantile('400.0000001', 'quantile') }} / quantile - 1) as gap,
        {{ cx_t_quantile('1000000000', 'quantile') }} - {{ cx_z() }} as rest
    from table_end
)

select *
from cases
where gap > 1e-9 or step <= 0 or step > 1e-4 or rest < 0 or rest > 1e-8
