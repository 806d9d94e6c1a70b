"""Whether hosts take the connections that the front hands over to them: asked at the start, and watched from then on."""
