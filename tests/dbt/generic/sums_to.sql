{#- Fails when a total here and the total of the model it comes from differ: nothing lost, nothing doubled on the way.
    `expression` is aggregated here, `of_expression` in `of` (the same one by default); sums compare as decimals. -#}
{% test sums_to(model, expression, of, of_expression=none, where_clause='true', of_where_clause='true') %}
with

here as (
    select coalesce({{ expression }}, 0) as total
    from {{ model }}
    where {{ where_clause }}
),

there as (
    select coalesce({{ of_expression or expression }}, 0) as total
    from {{ of }}
    where {{ of_where_clause }}
)

select
    here.total,
    there.total as expected
from here
cross join there
where here.total <> there.total
{% endtest %}
