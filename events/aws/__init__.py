"""What the sources and triggers of Amazon's services share."""
