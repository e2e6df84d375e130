"""The command line: the table of commands, a module for each, and what only one of them needs."""
