-- Looks at slices that cannot be compared any more: below the raw floor, or hours of a day that was folded.
DELETE FROM _genai.rollup_check c
WHERE c.from_time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')
    OR c.to_time - c.from_time < interval '1 day'
        AND c.from_time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'identity_hour')
