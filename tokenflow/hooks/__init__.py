"""Who may join: what a plugin offers, and how its names are found. pluggy lives here and nowhere else."""
