"""Who works on what, and until when: claims, heartbeats, and the release of what is not heard of."""
