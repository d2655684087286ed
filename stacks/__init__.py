"""The two kinds of stack: read and check config, place components, export outputs."""
