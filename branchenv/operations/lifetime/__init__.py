"""How long an environment stays, and how many: sleep, extend, remove."""
