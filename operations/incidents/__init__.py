"""Incidents: who owns them, what contains them and whether it did, and what keeps them from coming back."""
