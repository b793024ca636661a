"""Three Rings (三声): a hotline that answers within three rings (S1)."""
