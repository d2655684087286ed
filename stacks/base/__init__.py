"""The base stack, by topic: places components, checks the config, exports the contract."""
