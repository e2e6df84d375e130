"""Files that operators keep under review: rules, owners, budgets."""
