"""What users write: typed kinds, strict decoding, validation with field paths, CRD manifests."""
