"""The Graph face: what Facebook answers, on Facebook's paths. RFC 6749 bodies have no place here."""
