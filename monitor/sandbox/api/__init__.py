"""What all endpoints share: parameters, authentication, errors, request weight."""
