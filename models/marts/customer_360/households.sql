-- Grain: one row per household of at least two customers.
select
    household_id,
    basis,
    count(*) as members,
    max(surname_bits) as surname_bits
from {{ ref('customer_households') }}
group by household_id, basis
