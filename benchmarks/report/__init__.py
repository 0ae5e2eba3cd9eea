"""The report: results, curves and replays of runs as one HTML file that needs no network."""
