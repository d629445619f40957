-- Fails for every order or session of a known customer without a touch, and for every such touch without its fact
-- or with another owner: an incremental build that forgot a touched customer shows up here.
with

facts as (
    select
        'order:' || order_key as touch_id,
        customer_id
    from {{ ref('orders') }}
    where customer_id is not null
    union all
    select
        'session:' || session_id as touch_id,
        customer_id
    from {{ ref('sessions') }}
    where customer_id is not null
),

touches as (
    select
        touch_id,
        customer_id
    from {{ ref('customer_timeline') }}
    where kind in ('order', 'session')
)

select
    facts.touch_id as fact_id,
    touches.touch_id
from facts
full outer join touches on facts.touch_id = touches.touch_id
where facts.customer_id is distinct from touches.customer_id
