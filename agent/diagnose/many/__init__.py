"""Many incidents in, what they have in common and what they cost out."""
