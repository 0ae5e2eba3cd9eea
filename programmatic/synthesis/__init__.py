"""Tree programs that imitate a policy: VIPER and PIRL."""
