-- Breaches of the contract that lasted in the range.
SELECT b.opened, b.state, b.lasted, b.worst, b.cause, b.detail, b.note, b.id
FROM genai.panel_breaches($__timeFrom()::timestamptz, $__timeTo()::timestamptz) b
