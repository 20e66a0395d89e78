"""From scores to decisions: calibration, certificates and bands."""
