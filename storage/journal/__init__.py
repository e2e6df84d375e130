"""Changes after the fact, booked as signed differences: the amendment journal."""
