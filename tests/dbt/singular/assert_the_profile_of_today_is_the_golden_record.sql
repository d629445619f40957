-- Fails for every customer whose profile as of the end of time differs from the golden record: two routes to one profile.
-- depends_on: {{ ref('profile_history') }}
with

history as (
    select * from {{ profile_as_of("timestamp '9998-12-31'") }} as profiles
),

golden as (
    select * from {{ ref('golden_records') }}
)

select golden.customer_id
from golden
left join history on golden.customer_id = history.customer_id
where
    -- noqa: disable=LT02
    {% for unit in golden_units() if not unit.is_attribute %}
    {% for field in unit.fields if field not in ['birth_date', 'full_name'] %}
    golden.{{ field }} is distinct from history.{{ field }} or
    {% endfor %}
    {% endfor %}
    cast(golden.birth_date as {{ sql_type('string') }}) is distinct from history.birth_date
    -- noqa: enable=LT02
