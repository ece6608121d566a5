"""What the embedded models are measured by, one module a model."""
