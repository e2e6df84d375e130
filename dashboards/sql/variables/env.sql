-- The environments of the ledger; prod is there before its first call.
SELECT 'prod' AS environment UNION SELECT s.environment FROM genai.series s
WHERE NOT genai.is_probe(s.environment) ORDER BY 1
