"""Texts of calls as ids, and how many of them a day distinguishes."""
