"""The commands of `spanledger`, one module each: `register(app)` adds it. Adding a file adds a command."""
