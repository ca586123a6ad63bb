select
    customer_id,
    first_name || ' ' || last_name as full_name,
    email,
    segment,
    loyalty_tier,
    acquisition_channel,
    region_id,
    signed_up_at
from {{ source('raw', 'customers') }}
