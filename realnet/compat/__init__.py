"""What other libraries find of this one, in their own words; each needs that library."""
