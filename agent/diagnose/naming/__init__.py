"""What is known of one entity in, the fault it has out: fingerprints, and the voters that read them."""
