-- The labels of a file, without those of people who were erased. Parameters: map, kinds, values, labels.
INSERT INTO _genai.identity_label (map_id, kind, value, label)
SELECT %(map)s, o.kind, o.value, o.label
FROM unnest(%(kinds)s::text[], %(values)s::text[], %(labels)s::text[]) AS o (kind, value, label)
WHERE NOT EXISTS (
    SELECT FROM _genai.erased e
    WHERE e.kind = o.kind AND e.value_hash = sha256(convert_to(o.kind || ':' || o.value, 'UTF8')))
ON CONFLICT DO NOTHING
