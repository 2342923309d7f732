"""The public routes of the gateway."""
