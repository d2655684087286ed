"""Gets every program of the local cluster from pinned packages, into a cache keyed by the pins."""
