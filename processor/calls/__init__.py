"""What spans mean to each other: which are one call, which fields win, what is inherited. Pure."""
