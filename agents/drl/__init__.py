"""Deep RL baselines: training, settings, networks, tuning."""
