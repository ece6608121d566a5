"""Calibrating a judge on clips of known labels: temperature, bias, confusion, abstention, trained probes."""
