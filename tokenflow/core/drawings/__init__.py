"""Pictures of a lifecycle, drawn from the rows its machine holds, so they cannot drift from it."""

from tokenflow.core.drawings.languages import dot, mermaid
from tokenflow.core.drawings.picture import Arrow, Box, Picture, Trail, picture_of, trail_of
from tokenflow.core.drawings.svg import svg

__all__ = ["Arrow", "Box", "Picture", "Trail", "dot", "mermaid", "picture_of", "svg", "trail_of"]
