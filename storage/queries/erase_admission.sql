-- Parameters: dimension, forms.
DELETE FROM _genai.dimension_day d WHERE d.dimension = %(dimension)s AND d.value = ANY(%(forms)s)
