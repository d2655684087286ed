"""Everything outside this process that `branchenv` asks: one file per system."""
