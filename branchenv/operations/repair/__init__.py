"""What the cluster holds against what the last deploy left: found, told and put right."""
