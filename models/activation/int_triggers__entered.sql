-- Grain: one row per entry that earlier builds made, with whose it is now and the cart it was about as that cart stands now.
-- An entry is tied to the act it was about, not to a customer or a cart: those are worked out anew when profiles merge or
-- part, when a device signs in and when acts come late, and the act stays what it was.
with

memory as (
    select * from {{ ref('trigger_memory') }}
),

owners as (
    select
        record_id as subject_id,
        customer_id
    from {{ ref('event_owners') }}
    where record_id in (select subject_id from memory)
    union all
    select
        order_key as subject_id,
        customer_id
    from {{ ref('orders') }}
    where order_key in (select subject_id from memory)
    union all
    select
        record_id as subject_id,
        customer_id
    from {{ ref('tickets') }}
    where record_id in (select subject_id from memory)
),

owned as (
    select
        memory.*,
        coalesce(owners.customer_id, memory.customer_id) as owner_id
    from memory
    left join owners on memory.subject_id = owners.subject_id
),

placed as (
    select
        owned.*,
        carts.cart_id,
        carts.state as cart_state,
        carts.last_active_at as cart_active_at,
        -- acts of one second can lie in two carts
        row_number() over (partition by owned.entry_id order by carts.opened_at desc, carts.cart_id) as place
    from owned
    left join {{ ref('carts') }} as carts
        on
            owned.kind = 'cart'
            and owned.owner_id = carts.customer_id
            and owned.subject_at between carts.opened_at and carts.last_active_at
)

select * from placed
where place = 1
