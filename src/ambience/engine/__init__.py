"""Where features are kept and the nearest are found."""
