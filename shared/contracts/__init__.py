"""What the services say to each other: the envelope, the events, and which topic carries what. The only place in shared
that knows the business."""
