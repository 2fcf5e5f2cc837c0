"""Keys, what they allow, and how much they may ask for."""
