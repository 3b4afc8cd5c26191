"""What Azure's services share: connection strings, signatures, dates."""
