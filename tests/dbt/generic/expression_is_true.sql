{#- Fails for every row for which `expression` is not true; a null is a failure too, unless the expression allows it.
    `where_clause` limits the rows judged. -#}
{% test expression_is_true(model, expression, where_clause='true') %}
select *
from {{ model }}
where
    ({{ where_clause }})
    and ({{ expression }}) is not true
{% endtest %}
