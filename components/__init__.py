"""One component per file, with the pure functions that make its manifests beside it."""
