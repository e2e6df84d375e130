"""Budgets: spending limits as a reviewed file, their states, and the events when a state is reached."""
