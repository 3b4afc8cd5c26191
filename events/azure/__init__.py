"""Signing of requests to Azure."""
