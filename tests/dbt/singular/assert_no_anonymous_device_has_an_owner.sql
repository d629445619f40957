-- Fails for every anonymous profile whose device belongs to somebody: a visitor is counted once, as a person or as a device.
with

profiles as (
    select device_id from {{ ref('anonymous_profiles') }}
),

owned as (
    select distinct device_id
    from {{ ref('event_owners') }}
    where customer_id is not null
)

select profiles.device_id
from profiles
inner join owned on profiles.device_id = owned.device_id
