"""What the cluster holds against what the last deploy left: found, reported and repaired."""
