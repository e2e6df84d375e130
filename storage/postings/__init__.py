"""Postings: what calls and their amendments add to the summaries, and the folder that adds them up."""
