select
    refund_id,
    order_item_id,
    refunded_at,
    amount,
    reason
from {{ source('raw', 'refunds') }}
