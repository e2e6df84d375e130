-- Once per connection that amends: the rows' new versions, and what their rollups gain and lose.
CREATE TEMPORARY TABLE amended (LIKE _genai.model_call) ON COMMIT DELETE ROWS;
ALTER TABLE pg_temp.amended
    ALTER received_at DROP NOT NULL, ALTER series_id DROP NOT NULL, ALTER identity_id DROP NOT NULL,
    ALTER shape_id DROP NOT NULL, ALTER flags DROP NOT NULL, ALTER folded DROP NOT NULL,
    ALTER status DROP NOT NULL, ALTER usage_source DROP NOT NULL, ALTER price_status DROP NOT NULL,
    ALTER requests DROP NOT NULL;
CREATE TEMPORARY TABLE delta (
    minute      integer NOT NULL,  -- since 2000
    identity_id bigint  NOT NULL,  -- as booked
    series_id   bigint  NOT NULL,  -- as booked
    LIKE _genai.measure
) ON COMMIT DELETE ROWS
