{{ config(severity='warn') }}
-- Signs of wrong merges above their limit: nothing is known to be wrong, somebody should look.
select
    sign,
    share,
    worth_a_look_above
from {{ ref('identity_health') }}
where is_worth_a_look
