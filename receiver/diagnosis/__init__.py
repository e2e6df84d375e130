"""Why requests end in no counted call, and who sent them."""
