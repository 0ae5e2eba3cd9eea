"""MORL's loop: synthesize, repair, imitate, optimize (Bhupatiraju et al., NAMPI 2018)."""
