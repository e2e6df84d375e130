-- How spans were read. Parameter: ids.
SELECT r.id, r.dialect, r.sources FROM _genai.reading r WHERE r.id = ANY(%s::bigint[])
