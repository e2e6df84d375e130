"""Budgets in the ledger: the budgets in force, what each scope spent, and the states that were reached."""
