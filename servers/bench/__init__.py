"""What the frame costs: our servers beside the shortest hand-written ones, in one run."""
