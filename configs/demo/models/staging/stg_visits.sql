select
    visit_id,
    customer_id,
    visited_at,
    device,
    traffic_source,
    pages_viewed
from {{ source('raw', 'visits') }}
